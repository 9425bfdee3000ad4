// What each step does to a model. Private to the model; a family of steps a file, as
// in lib/schedule, with which they share nothing.
#pragma once
#include "oracle/model.h"

namespace tc::test::oracle {

inline size_t at(int i) { return static_cast<size_t>(i); }
inline Meaning none(std::string why) { return {Meaning::none, std::move(why)}; }
inline std::vector<Expr> as_exprs(const std::vector<VarRef>& vars) { return {vars.begin(), vars.end()}; }

std::string fresh_axis(const Stage& s, const std::string& wanted);
/// Makes the dimensions, then the axes of the reduction, the loops of the stage.
void reset_loops(Stage& s);

/// One step on one model. Every function gives why the step has no meaning, if so.
class Apply {
 public:
  Apply(Model& m, const Step& step) : m_(m), step_(step) {}
  Meaning run();

 private:
  Stage& s() { return m_.stages[at(id_)]; }
  Meaning dispatch();

  // steps_loops.cpp
  Meaning split();
  Meaning fuse();
  Meaning reorder();
  Meaning mode(ir::LoopMode m);
  bool is_plain(int axis);
  bool is_place(int axis);
  bool names_time();
  std::string new_axis(size_t i, const std::string& wanted);
  bool axis_names_taken(size_t count);

  // steps_places.cpp
  Meaning compute_at();
  Meaning compute_root();
  Meaning init_at();
  Meaning reverse_compute_at();
  Meaning take_loops(int p, int axis);
  std::vector<int> matching_dims(int p);

  // steps_stages.cpp
  Meaning compute_inline();
  Meaning cache_read();
  Meaning cache_write();
  Meaning rfactor();
  bool stage_name_taken() const;
  std::string new_stage(const char* suffix) const;
  int insert(Stage made, size_t place);
  size_t place_of(int id) const;
  int take_computation(const std::string& name);

  // steps_storage.cpp
  Meaning set_scope();
  Meaning layout();
  Meaning storage_align();
  Meaning double_buffer();
  Meaning rolling_buffer();
  Meaning prefetch();
  Meaning tensorize();
  Meaning check_hints();

  Model& m_;
  const Step& step_;
  int id_ = -1;
};

/// The loop of that name; -1 where it is no loop any more.
int loop_of(const Stage& s, const std::string& name);

}  // namespace tc::test::oracle
