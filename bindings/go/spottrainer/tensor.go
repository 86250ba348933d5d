package spottrainer

/*
#include "bridge.h"
*/
import "C"

import "unsafe"

// Role says what a tensor is to the network.
type Role int32

// The roles.
const (
	RoleParameter   Role = C.SPOT_ROLE_PARAMETER   // trained
	RoleAccumulator Role = C.SPOT_ROLE_ACCUMULATOR // kept by the optimizer for a parameter
	RoleStatistic   Role = C.SPOT_ROLE_STATISTIC   // running mean or variance of batch normalisation
)

// String is "parameter", "accumulator", "statistic", or "unknown".
func (r Role) String() string {
	switch r {
	case RoleParameter:
		return "parameter"
	case RoleAccumulator:
		return "accumulator"
	case RoleStatistic:
		return "statistic"
	default:
		return "unknown"
	}
}

// TensorInfo tells of a tensor of a trainer, a model or a checkpoint. All are float32.
type TensorInfo struct {
	Name   string // "conv1.weight"
	Role   Role
	Size   int     // elements
	Offset int     // of its first element among all tensors'
	Shape  []int64 // row-major; a convolution's [outputs, inputs, rows, columns], a dense layer's [outputs, inputs]
}

// tensors lists `count` tensors: parameters in layer order, statistics, accumulators.
func tensors(count uint64, get func(C.uint64_t, *C.spot_tensor_info, **C.spot_error) C.spot_status) ([]TensorInfo, error) {
	list := make([]TensorInfo, 0, count)
	for index := uint64(0); index < count; index++ {
		out := C.spot_tensor_info{struct_size: C.sizeof_spot_tensor_info}
		if err := call(func(failed **C.spot_error) C.spot_status { return get(C.uint64_t(index), &out, failed) }); err != nil {
			return nil, err
		}
		tensor := TensorInfo{Name: C.GoString(out.name), Role: Role(out.role), Size: int(out.size), Offset: int(out.offset)}
		for _, length := range out.shape[:out.rank] {
			tensor.Shape = append(tensor.Shape, int64(length))
		}
		list = append(list, tensor)
	}
	return list, nil
}

// takeBytes copies bytes that the library returned, and frees them.
func takeBytes(bytes *C.uint8_t, length C.size_t) []byte {
	defer C.spot_bytes_free(bytes)
	return append([]byte(nil), unsafe.Slice((*byte)(bytes), uint64(length))...)
}
