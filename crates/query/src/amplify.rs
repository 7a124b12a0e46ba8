//! What makes much of little: functions whose result is larger than anything they were given, queries that ask
//! themselves again, and chains of operators. None of it is seen by the memory that sorting and grouping are given, so each has a bound of its own. It
//! refuses to bound what a query reads.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, LargeStringArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::node::{Node, Work};

/// The share of a question's memory that one function may make of the rows of one batch: several are under way at once, and
/// what shows a value has it a few times.
const SHARE: usize = 8;
/// Batches that a recursion may give: as many rounds, or fewer that give many rows.
const RECURSION_BATCHES_MAX: u64 = 20_000;
/// Words that stand between two values, or behind one.
const INFIX: [Keyword; 13] = [
    Keyword::AND,
    Keyword::OR,
    Keyword::XOR,
    Keyword::LIKE,
    Keyword::ILIKE,
    Keyword::RLIKE,
    Keyword::REGEXP,
    Keyword::SIMILAR,
    Keyword::IS,
    Keyword::IN,
    Keyword::BETWEEN,
    Keyword::DIV,
    Keyword::AT,
];
/// Operators that may follow each other within brackets and between commas, and queries or tables that may be put together
/// within brackets: each makes the tree of a query one deeper.
const OPERATORS_MAX: usize = 500;

/// How much a function makes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Growth {
    /// The first argument, as often as the second says.
    Repeated,
    /// As many letters as the second argument says.
    Padded,
    /// As many numbers as lie between the first two arguments.
    Counted,
    /// As many elements as the second argument says.
    Resized,
    /// The third argument wherever the second stands in the first.
    Replaced,
}

/// Functions, by any of their names, of which one call can make gigabytes.
const GROWING: [(&str, Growth); 9] = [
    ("repeat", Growth::Repeated),
    ("array_repeat", Growth::Repeated),
    ("lpad", Growth::Padded),
    ("rpad", Growth::Padded),
    ("range", Growth::Counted),
    ("generate_series", Growth::Counted),
    ("array_resize", Growth::Resized),
    ("replace", Growth::Replaced),
    ("regexp_replace", Growth::Replaced),
];

/// Puts bounded functions in the place of those that are there.
pub(crate) fn bound_functions(context: &SessionContext, memory_bytes_max: usize) {
    let functions = context.state().scalar_functions().clone();
    for (name, growth) in GROWING {
        let Some(inner) = functions.get(name) else { continue };
        let bounded = Bounded { inner: Arc::clone(inner), growth, bytes_max: (memory_bytes_max / SHARE) as u64 };
        context.register_udf(ScalarUDF::new_from_impl(bounded));
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
    bytes_max: u64,
}

impl Bounded {
    fn check(&self, args: &ScalarFunctionArgs) -> Result<()> {
        // What is the same in every row is looked at once.
        let is_constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let given = Given::of(&arrays);
        let mut sum: u64 = 0;
        for row in 0..rows {
            sum = sum.saturating_add(self.growth.bytes(&given, row));
            if sum > self.bytes_max {
                let (name, bytes_max) = (self.inner.name(), self.bytes_max);
                return exec_err!("{name} would make more than {bytes_max} bytes of one batch of rows");
            }
        }
        Ok(())
    }
}

/// The arguments as far as they decide how much is made of them.
struct Given {
    texts: Vec<Option<LargeStringArray>>,
    numbers: Vec<Option<Int64Array>>,
}

impl Given {
    fn of(arrays: &[ArrayRef]) -> Given {
        let of = |is_wanted: fn(&DataType) -> bool, wanted: DataType| {
            arrays.iter().map(move |array| cast(is_wanted(array.data_type()).then_some(array)?, &wanted).ok())
        };
        Given {
            texts: of(DataType::is_string, DataType::LargeUtf8)
                .map(|array| Some(array?.as_string::<i64>().clone()))
                .collect(),
            numbers: of(DataType::is_integer, DataType::Int64)
                .map(|array| Some(array?.as_primitive::<Int64Type>().clone()))
                .collect(),
        }
    }

    /// The length of a text; 0 where there is none.
    fn length(&self, index: usize, row: usize) -> u64 {
        let texts = self.texts.get(index).and_then(Option::as_ref).filter(|texts| texts.is_valid(row));
        texts.map_or(0, |texts| texts.value_length(row).unsigned_abs())
    }

    fn number(&self, index: usize, row: usize) -> Option<i64> {
        let numbers = self.numbers.get(index)?.as_ref().filter(|numbers| numbers.is_valid(row))?;
        Some(numbers.value(row))
    }

    fn count(&self, index: usize, row: usize) -> u64 {
        self.number(index, row).and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
    }
}

/// What an element of a list takes at least.
const ELEMENT_BYTES: u64 = 8;

impl Growth {
    /// At least what a row takes; 0 where that cannot be told, and for what is null.
    fn bytes(self, given: &Given, row: usize) -> u64 {
        match self {
            Growth::Repeated => {
                let is_text = given.texts.first().is_some_and(Option::is_some);
                let size = if is_text { given.length(0, row) } else { ELEMENT_BYTES };
                size.saturating_mul(given.count(1, row))
            }
            Growth::Padded => given.count(1, row),
            Growth::Resized => given.count(1, row).saturating_mul(ELEMENT_BYTES),
            Growth::Counted => {
                let (first, last) = match (given.number(0, row), given.number(1, row)) {
                    (Some(last), None) => (0, last),
                    (Some(first), Some(last)) => (first, last),
                    _ => return 0,
                };
                let step = given.number(2, row).map_or(1, i64::unsigned_abs).max(1);
                (last.abs_diff(first) / step).saturating_mul(ELEMENT_BYTES)
            }
            // As if the whole were what is sought.
            Growth::Replaced => {
                let times = given.length(0, row) / given.length(1, row).max(1);
                times.saturating_mul(given.length(2, row))
            }
        }
    }
}

/// All but the check is the function's own.
impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = Arc::new(self.inner.inner().with_updated_config(config)?);
        Some(ScalarUDF::new_from_impl(Bounded { inner, growth: self.growth, bytes_max: self.bytes_max }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.check(&args)?;
        self.inner.invoke_with_args(args)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, info)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

/// Refuses a chain of operators that would make a tree too deep for a stack, and too slow to plan long before that.
pub(crate) fn bound_operators(sql: &str) -> Result<()> {
    // What is no SQL is told by the parser.
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().unwrap_or_default();
    // By bracket, of which CASE is one: operators since the last comma, tables and queries, and whether commas part these.
    let mut chains = vec![(0_usize, 0_usize, false)];
    for token in &tokens {
        let word = match token {
            Token::Word(word) => word.keyword,
            _ => Keyword::NoKeyword,
        };
        let is_closed = matches!(token, Token::RParen | Token::RBracket | Token::RBrace) || word == Keyword::END;
        if is_closed && chains.len() > 1 {
            chains.pop();
        }
        let Some((operators, queries, are_tables)) = chains.last_mut() else { continue };
        match (token, word) {
            (Token::Comma, _) => (*operators, *queries) = (0, *queries + usize::from(*are_tables)),
            (_, Keyword::FROM | Keyword::WITH) => *are_tables = true,
            (_, Keyword::SELECT | Keyword::WHERE | Keyword::GROUP | Keyword::ORDER) => *are_tables = false,
            (Token::SemiColon, _) => (*operators, *queries) = (0, 0),
            (_, Keyword::WHEN | Keyword::THEN | Keyword::ELSE) => *operators = 0,
            (_, Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT) => (*operators, *queries) = (0, *queries + 1),
            (_, Keyword::JOIN) => *queries += 1,
            (_, word) if INFIX.contains(&word) => *operators += 1,
            // A bracket behind a value takes of it.
            (Token::LBracket, _) => *operators += 1,
            (Token::Word(_) | Token::Whitespace(_) | Token::Number(..) | Token::Period | Token::Placeholder(_), _) => {}
            (Token::LParen | Token::RParen | Token::RBracket | Token::LBrace | Token::RBrace, _) => {}
            (Token::SingleQuotedString(_) | Token::EOF, _) => {}
            _ => *operators += 1,
        }
        if *operators > OPERATORS_MAX || *queries > OPERATORS_MAX {
            return plan_err!(
                "more than {OPERATORS_MAX} operators, tables or queries are put together at once; write a list with IN, or \
                 join a table of values"
            );
        }
        if matches!(token, Token::LParen | Token::LBracket | Token::LBrace) || word == Keyword::CASE {
            chains.push((0, 0, false));
        }
    }
    Ok(())
}

/// The plan with a bound on every recursion in it.
pub(crate) fn bound_recursion(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let bound = |node: Arc<dyn ExecutionPlan>| {
        Ok(match node.downcast_ref::<RecursiveQueryExec>().is_some() {
            true => Transformed::yes(Arc::new(Node::new(Arc::new(BoundedRecursion), node)) as Arc<dyn ExecutionPlan>),
            false => Transformed::no(node),
        })
    };
    plan.transform_up(bound).data()
}

/// Hands on what a recursion gives, up to a bound.
#[derive(Debug)]
struct BoundedRecursion;

impl Work for BoundedRecursion {
    const NAME: &'static str = "BoundedRecursion";

    fn keeps_rows(&self) -> bool {
        true
    }

    fn run(&self, rows: SendableRecordBatchStream, _: &TaskContext) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let mut batches: u64 = 0;
        let bounded = rows.map(move |batch| {
            batches += 1;
            match batches > RECURSION_BATCHES_MAX {
                true => exec_err!(
                    "WITH RECURSIVE has not ended after {RECURSION_BATCHES_MAX} rounds: give it a condition that ends it"
                ),
                false => batch,
            }
        });
        Ok(bounded.boxed())
    }
}
