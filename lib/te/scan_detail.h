// What makes scans of stages, and takes them apart. Private to lib/te.
#pragma once
#include "tc/te/graph.h"
#include "tc/te/scan.h"

namespace tc::detail {

/// The tensors of a scan of these stages, in the order of their buffers, once its
/// reads are checked: te.scan.*, te.bounds, te.reducer.*.
[[nodiscard]] std::vector<Tensor> make_scan(ScanBody body);
/// The tensors that a scan reads and does not compute.
[[nodiscard]] std::vector<BufferRef> outside_reads(const ScanBody& body);
/// The stages of a scan as operations on `buffers`, one for each buffer of the body in order.
[[nodiscard]] std::vector<std::shared_ptr<const Op>> operations(const ScanBody& body,
                                                                const std::vector<BufferRef>& buffers);

}  // namespace tc::detail
