// Layers of ResNet-18 as int8 workloads, matrix products of odd sizes, pooling, a residual
// and a depthwise convolution.
#pragma once

namespace tc::accel {

inline constexpr const char* kResnetLayers[] = {
    "qconv2d n=1 c=64 h=56 w=56 k=64 r=3 s=3 pad=1 bias=1 act=relu shift=8",             // C2
    "qconv2d n=1 c=64 h=56 w=56 k=64 r=1 s=1 bias=1 act=relu shift=8",                   // C3
    "qconv2d n=1 c=64 h=56 w=56 k=128 r=3 s=3 stride=2 pad=1 bias=1 act=relu shift=8",   // C4
    "qconv2d n=1 c=64 h=56 w=56 k=128 r=1 s=1 stride=2 bias=1 act=relu shift=8",         // C5
    "qconv2d n=1 c=128 h=28 w=28 k=128 r=3 s=3 pad=1 bias=1 act=relu shift=8",           // C6
    "qconv2d n=1 c=128 h=28 w=28 k=256 r=3 s=3 stride=2 pad=1 bias=1 act=relu shift=8",  // C7
    "qconv2d n=1 c=128 h=28 w=28 k=256 r=1 s=1 stride=2 bias=1 act=relu shift=8",        // C8
    "qconv2d n=1 c=256 h=14 w=14 k=256 r=3 s=3 pad=1 bias=1 act=relu shift=8",           // C9
    "qconv2d n=1 c=256 h=14 w=14 k=512 r=3 s=3 stride=2 pad=1 bias=1 act=relu shift=8",  // C10
    "qconv2d n=1 c=256 h=14 w=14 k=512 r=1 s=1 stride=2 bias=1 act=relu shift=8",        // C11
    "qconv2d n=1 c=512 h=7 w=7 k=512 r=3 s=3 pad=1 bias=1 act=relu shift=8",             // C12
    "qmatmul m=1 n=1 k=1 bias=1",
    "qmatmul m=1 n=1000 k=512 bias=1 shift=8",
    "qmatmul m=1024 n=33 k=17 bias=1 shift=5",
    "qmatmul m=255 n=257 k=129 bias=1 shift=6 round=1",
    "matmul m=127 n=1023 k=65 dtype=i8",
    "max_pool2d n=1 c=64 h=112 w=112 r=3 s=3 stride=2 pad=1 dtype=i8",
    "qadd shape=1x56x56x64 act=relu",
    "qdepthwise_conv2d n=1 c=96 h=28 w=28 r=3 s=3 pad=1 bias=1 shift=5 act=relu"};

}  // namespace tc::accel
