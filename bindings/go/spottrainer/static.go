//go:build spot_static

package spottrainer

import _ "github.com/spot-trainer/spot-trainer/bindings/go/spottrainer/static" // what handle.go links
