//! `count(DISTINCT text)`, for texts that are mostly ids: a UUID and a trace id are kept as the 16 bytes that they stand
//! for, and everything else as it is. The answer is exact. It refuses to count anything but texts; numbers are the query
//! engine's own.
//!
//! The engine keeps 36 letters and a view of them for each group and value, a gigabyte for a day of invocations; most of
//! the time of such a question went into the memory.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem::size_of;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, LargeBinaryArray, LargeBinaryBuilder, StringViewArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, Aggregate, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, ExprSchemable, GroupsAccumulator,
    LogicalPlan, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

const NAME: &str = "transect_count_distinct_texts";

/// Puts this count in the place of the engine's.
#[derive(Debug)]
pub(crate) struct CountDistinctTexts;

impl AnalyzerRule for CountDistinctTexts {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(rewrite)?.data)
    }

    fn name(&self) -> &str {
        "count_distinct_texts"
    }
}

fn rewrite(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
    let mut is_rewritten = false;
    let mut expressions = Vec::with_capacity(aggregate.aggr_expr.len());
    for expr in &aggregate.aggr_expr {
        let (inner, name) = match expr {
            Expr::Alias(alias) => (alias.expr.as_ref(), alias.name.clone()),
            other => (other, other.schema_name().to_string()),
        };
        expressions.push(match inner {
            Expr::AggregateFunction(function) if is_of_texts(function, aggregate)? => {
                is_rewritten = true;
                let mut function = function.clone();
                function.func = Arc::clone(&FUNCTION);
                function.params.distinct = false;
                // Whoever refers to the column does so by the name that it had.
                Expr::AggregateFunction(function).alias(name)
            }
            _ => expr.clone(),
        });
    }
    if !is_rewritten {
        return Ok(Transformed::no(plan));
    }
    let rewritten = Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr.clone(), expressions)?;
    Ok(Transformed::yes(LogicalPlan::Aggregate(rewritten)))
}

fn is_of_texts(function: &AggregateFunction, aggregate: &Aggregate) -> Result<bool> {
    let params = &function.params;
    if function.func.name() != "count" || !params.distinct || !params.order_by.is_empty() {
        return Ok(false);
    }
    let [counted] = &params.args[..] else { return Ok(false) };
    let data_type = counted.get_type(aggregate.input.schema().as_ref())?;
    Ok(matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View))
}

static FUNCTION: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| {
    let signature = Signature::any(1, Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(CountDistinct { signature }))
});

#[derive(Debug, PartialEq, Eq, Hash)]
struct CountDistinct {
    signature: Signature,
}

impl AggregateUDFImpl for CountDistinct {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[texts]", args.name), DataType::LargeBinary, true))])
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One(Texts::default())))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups { groups: Vec::new(), bytes: 0 }))
    }
}

/// For keys that are random, or nearly so: half of an id's bits are.
#[derive(Clone, Copy, Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_u128(&mut self, id: u128) {
        #[allow(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
        let (low, high) = (id as u64, (id >> 64) as u64);
        // Odd, and half of its bits set: spreads what counts up.
        self.0 = (low ^ high.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }
}

type Ids = HashSet<u128, BuildHasherDefault<Mix>>;

/// Distinct texts.
#[derive(Debug, Default)]
struct Texts {
    uuids: Ids,
    hex: Ids,
    others: HashSet<Box<str>>,
    others_bytes: usize,
}

enum Text<'t> {
    Uuid(u128),
    Hex(u128),
    Other(&'t str),
}

/// The number that eight lower-case hex digits stand for, all at once; `None` if a letter is none. Upper case would be
/// another text.
fn hex(digits: [u8; 8]) -> Option<u128> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let letters = u64::from_be_bytes(digits);
    // Letters have bit 6: `a` is 0x61, and worth 10.
    let values = (letters & (ONES * 0x0f)) + 9 * ((letters >> 6) & ONES);
    let is_letter = ((values + ONES * 6) >> 4) & ONES;
    let spelled = values + ONES * u64::from(b'0') + is_letter * u64::from(b'a' - b'0' - 10);
    if spelled != letters || values & (ONES * 0xf0) != 0 {
        return None;
    }
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some(u128::from((fours | fours >> 16) & 0xffff_ffff))
}

fn hex_all(parts: [[u8; 8]; 4]) -> Option<u128> {
    let [one, two, three, four] = parts;
    Some(hex(one)? << 96 | hex(two)? << 64 | hex(three)? << 32 | hex(four)?)
}

impl<'t> Text<'t> {
    fn of(text: &'t str) -> Text<'t> {
        if let Ok(digits) = <&[u8; 32]>::try_from(text.as_bytes()) {
            let (parts, _) = digits.as_chunks::<8>();
            let id = <[[u8; 8]; 4]>::try_from(parts).ok().and_then(hex_all);
            return id.map_or(Text::Other(text), Text::Hex);
        }
        if let Ok(t) = <&[u8; 36]>::try_from(text.as_bytes())
            && [t[8], t[13], t[18], t[23]] == [b'-'; 4]
        {
            let parts = [
                [t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]],
                [t[9], t[10], t[11], t[12], t[14], t[15], t[16], t[17]],
                [t[19], t[20], t[21], t[22], t[24], t[25], t[26], t[27]],
                [t[28], t[29], t[30], t[31], t[32], t[33], t[34], t[35]],
            ];
            return hex_all(parts).map_or(Text::Other(text), Text::Uuid);
        }
        Text::Other(text)
    }
}

impl Texts {
    fn insert(&mut self, text: &str) {
        match Text::of(text) {
            Text::Uuid(id) => drop(self.uuids.insert(id)),
            Text::Hex(id) => drop(self.hex.insert(id)),
            Text::Other(text) => {
                if !self.others.contains(text) {
                    self.others_bytes += text.len();
                    self.others.insert(text.into());
                }
            }
        }
    }

    fn len(&self) -> usize {
        self.uuids.len() + self.hex.len() + self.others.len()
    }

    fn bytes(&self) -> usize {
        // A table holds a byte beside each place.
        (self.uuids.capacity() + self.hex.capacity()) * (size_of::<u128>() + 1)
            + self.others.capacity() * (size_of::<Box<str>>() + 1)
            + self.others_bytes
    }

    fn encoded_bytes(&self) -> usize {
        const LENGTH: usize = size_of::<u64>();
        2 * LENGTH
            + (self.uuids.len() + self.hex.len()) * size_of::<u128>()
            + self.others.len() * LENGTH
            + self.others_bytes
    }

    /// Numbers of ids, the ids, and the other texts, each behind its length.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_bytes());
        for ids in [&self.uuids, &self.hex] {
            bytes.extend((ids.len() as u64).to_le_bytes());
            ids.iter().for_each(|id| bytes.extend(id.to_le_bytes()));
        }
        for text in &self.others {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    /// Adds what [`Texts::encode`] made; `None` if it is something else.
    fn merge(&mut self, mut bytes: &[u8]) -> Option<()> {
        for ids in [&mut self.uuids, &mut self.hex] {
            let count = usize::try_from(take_length(&mut bytes)?).ok()?;
            let (own, rest) = bytes.split_at_checked(count.checked_mul(16)?)?;
            let (own, _) = own.as_chunks::<16>();
            ids.reserve(if ids.is_empty() { own.len() } else { 0 });
            ids.extend(own.iter().map(|id| u128::from_le_bytes(*id)));
            bytes = rest;
        }
        while !bytes.is_empty() {
            let length = usize::try_from(take_length(&mut bytes)?).ok()?;
            let (text, rest) = bytes.split_at_checked(length)?;
            self.insert(std::str::from_utf8(text).ok()?);
            bytes = rest;
        }
        Some(())
    }
}

fn take_length(bytes: &mut &[u8]) -> Option<u64> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*length))
}

fn as_views(values: &[ArrayRef]) -> Result<StringViewArray> {
    let [values] = values else { return internal_err!("one column is counted") };
    Ok(cast(values, &DataType::Utf8View)?.as_string_view().clone())
}

fn as_states(states: &[ArrayRef]) -> Result<LargeBinaryArray> {
    let [states] = states else { return internal_err!("one column is merged") };
    Ok(states.as_binary::<i64>().clone())
}

/// Without groups.
struct One(Texts);

impl fmt::Debug for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut last = None;
        for text in as_views(values)?.iter().flatten() {
            // Records of one invocation lie side by side.
            if last != Some(text) {
                self.0.insert(text);
            }
            last = Some(text);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(self.0.len() as i64)))
    }

    fn size(&self) -> usize {
        size_of::<Texts>() + self.0.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::LargeBinary(Some(std::mem::take(&mut self.0).encode()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in as_states(states)?.iter().flatten() {
            if self.0.merge(state).is_none() {
                return internal_err!("a state of {NAME} is none");
            }
        }
        Ok(())
    }
}

/// A set for each group.
struct Groups {
    groups: Vec<Texts>,
    bytes: usize,
}

impl Groups {
    fn take(&mut self, emit_to: EmitTo) -> Vec<Texts> {
        let taken = emit_to.take_needed(&mut self.groups);
        let bytes: usize = taken.iter().map(|texts| size_of::<Texts>() + texts.bytes()).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
        taken
    }

    fn grow(&mut self, groups: usize) {
        self.bytes += groups.saturating_sub(self.groups.len()) * size_of::<Texts>();
        self.groups.resize_with(groups, Texts::default);
    }

    /// Changes one set, and knows its new size without looking at the others.
    fn change<T>(&mut self, group: usize, change: impl FnOnce(&mut Texts) -> T) -> T {
        let texts = &mut self.groups[group];
        let before = texts.bytes();
        let changed = change(texts);
        self.bytes = (self.bytes + texts.bytes()).saturating_sub(before);
        changed
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        self.grow(groups);
        let values = as_views(values)?;
        let mut last = None;
        for (row, group) in group_indices.iter().enumerate() {
            if values.is_null(row) || filter.is_some_and(|filter| filter.is_null(row) || !filter.value(row)) {
                continue;
            }
            let text = values.value(row);
            if last != Some((*group, text)) {
                self.change(*group, |texts| texts.insert(text));
            }
            last = Some((*group, text));
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let counts = self.take(emit_to).into_iter().map(|texts| texts.len() as i64);
        Ok(Arc::new(Int64Array::from_iter_values(counts)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let sets = self.take(emit_to);
        let bytes = sets.iter().map(Texts::encoded_bytes).sum();
        // Hundreds of megabytes in large questions, so they are neither moved nor left room to grow.
        let mut states = LargeBinaryBuilder::with_capacity(sets.len(), bytes);
        for texts in sets {
            states.append_value(texts.encode());
        }
        Ok(vec![Arc::new(states.finish())])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        self.grow(groups);
        let states = as_states(states)?;
        for (row, group) in group_indices.iter().enumerate() {
            if states.is_valid(row) && self.change(*group, |texts| texts.merge(states.value(row))).is_none() {
                return internal_err!("a state of {NAME} is none");
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = as_views(values)?;
        let state = |row: usize| {
            let mut texts = Texts::default();
            let is_wanted = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if is_wanted && values.is_valid(row) {
                texts.insert(values.value(row));
            }
            texts.encode()
        };
        Ok(vec![Arc::new(LargeBinaryArray::from_iter_values((0..values.len()).map(state)))])
    }

    fn size(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "00c0ffee-0000-4000-8000-00000000000a";

    fn of(texts: &[&str]) -> Texts {
        let mut set = Texts::default();
        texts.iter().for_each(|text| set.insert(text));
        set
    }

    #[test]
    fn eight_digits_are_their_number_and_nothing_else_is() {
        assert_eq!(hex(*b"0123abcf"), Some(0x0123_abcf));
        assert_eq!(hex(*b"ffffffff"), Some(0xffff_ffff));
        // Every byte at every place.
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut digits = *b"00000000";
                digits[place] = byte;
                let value = char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
                let expected = value.map(|value| u128::from(value) << (4 * (7 - place)));
                assert_eq!(hex(digits), expected, "{digits:?}");
            }
        }
    }

    #[test]
    fn texts_are_one_only_if_every_letter_is() {
        let plain = UUID.replace('-', "");
        let upper = UUID.to_uppercase();
        let dashes = UUID.replacen('-', "_", 1);
        let texts = [UUID, &plain, &upper, &dashes, "", "a", "00c0ffee", "é", UUID];
        assert_eq!(of(&texts).len(), 8);
    }

    #[test]
    fn states_go_both_ways_and_come_together() {
        let (one, two) = (of(&[UUID, "a", "b", ""]), of(&["b", "c", "0123456789abcdef0123456789abcdef", UUID]));
        let mut both = Texts::default();
        both.merge(&one.encode()).unwrap();
        assert_eq!(both.len(), one.len());
        both.merge(&two.encode()).unwrap();
        assert_eq!(both.len(), 6);
        let encoded = both.encode();
        assert_eq!(encoded.len(), both.encoded_bytes());
        for end in 1..encoded.len() {
            // A torn state is never taken for a whole one, unless it ends between two texts.
            let _ = Texts::default().merge(&encoded[..end]);
        }
        assert!(Texts::default().merge(&encoded[..20]).is_none());
    }
}
