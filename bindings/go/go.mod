module github.com/spot-trainer/spot-trainer/bindings/go

go 1.19
