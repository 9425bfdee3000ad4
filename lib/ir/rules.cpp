// The text of the rules, tried in this order. Each has fewer vector operations on
// its right side than on its left, or as many and fewer nodes with no letter
// more often; so rewriting ends. test/ir/rules_test.cpp checks that, and both sides'
// values, for every rule.
#include "tc/ir/rules.h"

namespace tc::ir {

std::string_view rules_text() {
  return R"(
# --- vectors: what all lanes share is computed once
rule add_broadcasts      any     broadcast(x) + broadcast(y) => broadcast(x + y)
rule sub_broadcasts      any     broadcast(x) - broadcast(y) => broadcast(x - y)
rule mul_broadcasts      any     broadcast(x) * broadcast(y) => broadcast(x * y)
rule div_broadcasts      any     broadcast(x) / broadcast(y) => broadcast(x / y)
rule mod_broadcasts      any     broadcast(x) % broadcast(y) => broadcast(x % y)
rule min_broadcasts      any     min(broadcast(x), broadcast(y)) => broadcast(min(x, y))
rule max_broadcasts      any     max(broadcast(x), broadcast(y)) => broadcast(max(x, y))
rule eq_broadcasts       any     broadcast(x) == broadcast(y) => broadcast(x == y)
rule ne_broadcasts       any     broadcast(x) != broadcast(y) => broadcast(x != y)
rule lt_broadcasts       any     broadcast(x) < broadcast(y) => broadcast(x < y)
rule le_broadcasts       any     broadcast(x) <= broadcast(y) => broadcast(x <= y)
rule gt_broadcasts       any     broadcast(x) > broadcast(y) => broadcast(x > y)
rule ge_broadcasts       any     broadcast(x) >= broadcast(y) => broadcast(x >= y)
rule and_broadcasts      bool    broadcast(p) && broadcast(q) => broadcast(p && q)
rule or_broadcasts       bool    broadcast(p) || broadcast(q) => broadcast(p || q)
rule not_broadcast       bool    !broadcast(p) => broadcast(!p)
rule neg_broadcast       any     -broadcast(x) => broadcast(-x)
rule abs_broadcast       any     abs(broadcast(x)) => broadcast(abs(x))
rule select_broadcasts   any     select(broadcast(p), broadcast(x), broadcast(y)) => broadcast(select(p, x, y))
rule add_nested_lanes    int     x + broadcast(y) + broadcast(z) => x + broadcast(y + z)
rule mul_nested_lanes    int     x * broadcast(y) * broadcast(z) => x * broadcast(y * z)

rule add_ramp_lanes      int     ramp(x, y) + broadcast(z) => ramp(x + z, y)
rule add_lanes_ramp      int     broadcast(z) + ramp(x, y) => ramp(z + x, y)
rule sub_ramp_lanes      int     ramp(x, y) - broadcast(z) => ramp(x - z, y)
rule sub_lanes_ramp      int     broadcast(z) - ramp(x, y) => ramp(z - x, -y)
rule add_ramps           int     ramp(x, y) + ramp(z, w) => ramp(x + z, y + w)
rule sub_ramps           int     ramp(x, y) - ramp(z, w) => ramp(x - z, y - w)
rule mul_ramp_lanes      int     ramp(x, y) * broadcast(z) => ramp(x * z, y * z)
rule mul_lanes_ramp      int     broadcast(z) * ramp(x, y) => ramp(z * x, z * y)
rule neg_ramp            int     -ramp(x, y) => ramp(-x, -y)
rule div_ramp            index   ramp(x, c0) / broadcast(c1) => ramp(x / c1, c0 / c1)  if c1 > 0 && c0 % c1 == 0
rule mod_ramp            index   ramp(x, c0) % broadcast(c1) => broadcast(x % c1)      if c1 > 0 && c0 % c1 == 0

# --- conditions
rule not_not             bool    !!p => p
rule and_same            bool    p && p => p
rule or_same             bool    p || p => p
rule and_opposite        bool    p && !p => false
rule and_opposite_left   bool    !p && p => false
rule or_opposite         bool    p || !p => true
rule or_opposite_left    bool    !p || p => true
rule and_absorbs         bool    p && (p || q) => p
rule and_absorbs_right   bool    p && (q || p) => p
rule and_absorbs_left    bool    (p || q) && p => p
rule and_absorbs_inner   bool    (q || p) && p => p
rule or_absorbs          bool    p || (p && q) => p
rule or_absorbs_right    bool    p || (q && p) => p
rule or_absorbs_left     bool    (p && q) || p => p
rule or_absorbs_inner    bool    (q && p) || p => p
rule and_again           bool    (p && q) && p => p && q
rule and_again_right     bool    (p && q) && q => p && q
rule or_again            bool    (p || q) || p => p || q
rule or_again_right      bool    (p || q) || q => p || q
rule not_and_nots        bool    !(!p && !q) => p || q
rule not_or_nots         bool    !(!p || !q) => p && q
rule or_shared           bool    (p && q) || (p && r) => p && (q || r)
rule and_shared          bool    (p || q) && (p || r) => p || (q && r)
rule eq_true             bool    p == true => p
rule eq_false            bool    p == false => !p
rule ne_true             bool    p != true => !p
rule ne_false            bool    p != false => p
rule eq_same_flag        bool    p == p => true
rule ne_same_flag        bool    p != p => false
rule xor_same_flag       bool    p ^ p => false
rule bits_and_same_flag  bool    p & p => p
rule bits_or_same_flag   bool    p | p => p
rule not_eq              any     !(x == y) => x != y
rule not_ne              any     !(x != y) => x == y
rule not_lt              int     !(x < y) => x >= y
rule not_le              int     !(x <= y) => x > y
rule not_gt              int     !(x > y) => x <= y
rule not_ge              int     !(x >= y) => x < y

# --- select
rule select_same         any     select(p, x, x) => x
rule select_not          any     select(!p, x, y) => select(p, y, x)
rule select_flag         bool    select(p, true, false) => p
rule select_not_flag     bool    select(p, false, true) => !p
rule select_and          bool    select(p, q, false) => p && q
rule select_or           bool    select(p, true, q) => p || q
rule select_again        any     select(p, select(p, x, y), z) => select(p, x, z)
rule select_again_right  any     select(p, x, select(p, y, z)) => select(p, x, z)
rule select_chain        any     select(p, select(q, x, y), y) => select(p && q, x, y)
rule select_chain_right  any     select(p, x, select(q, x, y)) => select(p || q, x, y)
rule select_is_min       number  select(x < y, x, y) => min(y, x)
rule select_is_max       number  select(x > y, x, y) => max(y, x)
rule select_is_max_lt    number  select(x < y, y, x) => max(x, y)
rule select_is_min_gt    number  select(x > y, y, x) => min(x, y)
rule select_is_min_le    int     select(x <= y, x, y) => min(x, y)
rule select_is_max_ge    int     select(x >= y, x, y) => max(x, y)
rule select_is_max_le    int     select(x <= y, y, x) => max(x, y)
rule select_is_min_ge    int     select(x >= y, y, x) => min(x, y)
rule select_shared_add   number  select(p, x + y, x + z) => x + select(p, y, z)
rule select_shared_add2  number  select(p, y + x, z + x) => select(p, y, z) + x
rule select_shared_sub   number  select(p, x - y, x - z) => x - select(p, y, z)
rule select_shared_sub2  number  select(p, y - x, z - x) => select(p, y, z) - x
rule select_shared_mul   number  select(p, x * y, x * z) => x * select(p, y, z)
rule select_shared_mul2  number  select(p, y * x, z * x) => select(p, y, z) * x

# --- min and max
rule min_same            number  min(x, x) => x
rule max_same            number  max(x, x) => x
rule min_again_right     number  min(min(x, y), y) => min(x, y)
rule max_again_right     number  max(max(x, y), y) => max(x, y)
rule min_again           int     min(min(x, y), x) => min(x, y)
rule max_again           int     max(max(x, y), x) => max(x, y)
rule min_again_left      int     min(x, min(x, y)) => min(x, y)
rule min_again_inner     int     min(y, min(x, y)) => min(x, y)
rule max_again_left      int     max(x, max(x, y)) => max(x, y)
rule max_again_inner     int     max(y, max(x, y)) => max(x, y)
rule min_of_max          int     min(x, max(x, y)) => x
rule min_of_max_right    int     min(x, max(y, x)) => x
rule min_of_max_left     int     min(max(x, y), x) => x
rule min_of_max_inner    int     min(max(y, x), x) => x
rule max_of_min          int     max(x, min(x, y)) => x
rule max_of_min_right    int     max(x, min(y, x)) => x
rule max_of_min_left     int     max(min(x, y), x) => x
rule max_of_min_inner    int     max(min(y, x), x) => x
rule min_consts          int     min(min(x, c0), c1) => min(x, min(c0, c1))
rule max_consts          int     max(max(x, c0), c1) => max(x, max(c0, c1))
rule clamp_empty         int     max(min(x, c0), c1) => c1   if c0 <= c1
rule clamp_empty_left    int     min(max(x, c0), c1) => c1   if c0 >= c1
rule min_shared          int     min(max(x, y), max(x, z)) => max(x, min(y, z))
rule max_shared          int     max(min(x, y), min(x, z)) => min(x, max(y, z))

# --- integers that wrap (and vectors of them)
rule add_consts          int     x + c0 + c1 => x + (c0 + c1)
rule sub_then_add        int     x - c0 + c1 => x + (c1 - c0)
rule add_then_sub        int     x + c0 - c1 => x + (c0 - c1)
rule sub_consts          int     x - c0 - c1 => x - (c0 + c1)
rule const_sub_add       int     c0 - x + c1 => (c0 + c1) - x
rule const_sub_sub       int     c0 - (x + c1) => (c0 - c1) - x
rule mul_consts          int     x * c0 * c1 => x * (c0 * c1)
rule sub_same            int     x - x => 0
rule add_sub             int     x + y - y => x
rule add_sub_left        int     x + y - x => y
rule sub_add             int     x - y + y => x
rule add_of_sub          int     x + (y - x) => y
rule sub_of_add          int     x - (x + y) => -y
rule sub_of_add_right    int     x - (y + x) => -y
rule sub_of_sub          int     x - (x - y) => y
rule sub_sub             int     x - y - x => -y
rule double_neg          number  -(-x) => x
rule zero_sub            int     0 - x => -x
rule add_neg             number  x + -y => x - y
rule neg_add             int     -y + x => x - y
rule sub_neg             number  x - -y => x + y
rule neg_sub             int     -(x - y) => y - x
rule mul_neg_const       int     -x * c0 => x * (0 - c0)
rule neg_mul_const       int     -(x * c0) => x * (0 - c0)
rule mul_shared          int     x * y + x * z => x * (y + z)
rule mul_shared_right    int     y * x + z * x => (y + z) * x
rule mul_shared_sub      int     x * y - x * z => x * (y - z)
rule mul_shared_sub2     int     y * x - z * x => (y - z) * x
rule mul_shared_one      int     x * c0 + x => x * (c0 + 1)
rule eq_same             int     x == x => true
rule ne_same             int     x != x => false
rule lt_same             number  x < x => false
rule gt_same             number  x > x => false
rule le_same             int     x <= x => true
rule ge_same             int     x >= x => true
rule eq_add_const        int     x + c0 == c1 => x == c1 - c0
rule ne_add_const        int     x + c0 != c1 => x != c1 - c0
rule eq_shared           int     x + y == x + z => y == z
rule ne_shared           int     x + y != x + z => y != z
rule bits_and_same       int     x & x => x
rule bits_or_same        int     x | x => x
rule bits_xor_same       int     x ^ x => 0
rule bits_and_zero       int     x & 0 => 0
rule bits_or_zero        int     x | 0 => x
rule bits_xor_zero       int     x ^ 0 => x
rule bits_and_consts     int     x & c0 & c1 => x & (c0 & c1)
rule bits_or_consts      int     (x | c0) | c1 => x | (c0 | c1)
rule bits_not_not        int     !!x => x
rule shift_left_zero     int     x << 0 => x
rule shift_right_zero    int     x >> 0 => x

# --- floats: only what holds for NaN, infinities and both zeros
rule add_minus_zero      float   x + -0.0 => x
rule minus_zero_add      float   -0.0 + x => x
rule sub_zero            float   x - 0.0 => x
rule mul_negs            float   -x * -y => x * y
rule div_negs            float   -x / -y => x / y
rule abs_neg             float   abs(-x) => abs(x)
rule abs_abs             float   abs(abs(x)) => abs(x)
)";
}

}  // namespace tc::ir
