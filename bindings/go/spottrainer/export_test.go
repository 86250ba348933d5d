package spottrainer

// NewDatasetWith is NewDataset that tells when the library lets go of the arrays.
func NewDatasetWith[P Pixel, L Label](arrays Arrays[P, L], released func()) (*Dataset, error) {
	out, memory := describe(arrays)
	copies, err := copyArrays(memory)
	if err != nil {
		return nil, err
	}
	return createDataset(out, arrays.Name, arrayBytes(copies), releaserThen{copies, released})
}

// KeepEvents sets how many events a Run keeps before it leaves out steps, and returns what it was.
func KeepEvents(count int) int {
	before := waitingSteps
	waitingSteps = count
	return before
}

type releaserThen struct {
	arrays releaser
	then   func()
}

func (r releaserThen) release() {
	r.arrays.release()
	r.then()
}
