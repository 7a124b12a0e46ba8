//! A request as a waterfall for the terminal: one line a span, its bar at its time, its records below it. What a record
//! says cannot drive the terminal, and nothing is said by colour alone.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{self, BufWriter, Write};

use jiff::tz::TimeZone;
use transect_schema::visible;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::Trace;
use crate::assemble::{is_counted_error, is_error};
use crate::closure::Event;
use crate::span::{Mark, Span, SpanSource, Status};
use crate::summary::ahead;

/// Which records stand below their span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogsShown {
    /// Those that tell of a failure.
    Errors,
    /// All log records.
    All,
    /// None.
    None,
}

/// How a waterfall looks.
#[derive(Clone, Debug)]
pub struct WaterfallStyle {
    /// Columns of the terminal; without it nothing is cut.
    pub width: Option<usize>,
    /// Whether the terminal understands colour.
    pub color: bool,
    /// In which times are given.
    pub time_zone: TimeZone,
    /// Which records are shown.
    pub logs: LogsShown,
    /// Levels of spans shown; all if absent.
    pub depth: Option<usize>,
    /// From so many on, spans below one parent that are alike are one line; 0 never.
    pub collapse: usize,
}

/// Bars are drawn with so many columns where nothing limits them.
const BAR_WIDTH: usize = 40;
const BAR_WIDTH_MIN: usize = 10;
const TREE_WIDTH_MIN: usize = 14;
/// Of any column, where the terminal is narrower than all of that.
const COLUMN_WIDTH_MIN: usize = 4;
/// Widest of each column where the terminal is narrow: region, service, release.
const NARROW: [usize; 3] = [14, 10, 7];
const GAP: &str = " ";
/// Lines of one record's message.
const MESSAGE_LINES_MAX: usize = 4;
/// Characters of attributes, where a record has nothing else to say.
const ATTRIBUTES_MAX: usize = 160;
/// Regions named in the line that says where the time went.
const REGIONS_TOLD_MAX: usize = 4;

/// Links told below one line.
const LINKS_MAX: usize = 5;
/// Times told that were looked at.
const LOOKED_AT_MAX: usize = 4;

const PLAIN: &str = "\x1b[0m";
/// Lines of spans: what nobody reads to its end.
const ROWS_MAX: usize = 10_000;
/// Records below spans, all together.
const LOGS_MAX: usize = 20_000;
/// Columns of a line of a record where nothing bounds the width, and of a sentence.
const UNBOUND_LINE_WIDTH_MAX: usize = 4_000;
/// Of a column, where nothing bounds the width: a chain of thousands would be as wide as it is long, and every line is as wide as
/// the longest name.
const UNBOUND_COLUMN_WIDTH_MAX: usize = 160;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
/// Of regions, in the order of their names.
const REGION_COLORS: [&str; 8] = [
    "\x1b[36m",
    "\x1b[35m",
    "\x1b[34m",
    "\x1b[32m",
    "\x1b[38;5;208m",
    "\x1b[38;5;141m",
    "\x1b[38;5;109m",
    "\x1b[38;5;180m",
];

/// Writes the picture.
pub fn render_waterfall(trace: &Trace, style: &WaterfallStyle, out: &mut dyn Write) -> io::Result<()> {
    let mut picture =
        Picture { trace, style, logs_left: LOGS_MAX, logs_folded: 0, out: BufWriter::with_capacity(64 << 10, out) };
    picture.head()?;
    let rows = rows(trace, style);
    if !rows.is_empty() {
        picture.rows(&rows)?;
    }
    picture.out.flush()
}

/// One line: a span, or several that are alike.
struct Row {
    spans: Vec<usize>,
    depth: usize,
    /// Spans below that are not shown.
    hidden: usize,
}

/// The lines in order. What is collapsed or too deep is counted.
fn rows(trace: &Trace, style: &WaterfallStyle) -> Vec<Row> {
    let tree = &trace.tree;
    let mut below = vec![0_usize; tree.spans.len()];
    let mut fails = vec![false; tree.spans.len()];
    for (number, _) in tree.in_order().iter().rev() {
        fails[*number] |= tree.spans[*number].status == Status::Error;
        if let Some(above) = tree.spans[*number].parent {
            below[above] += below[*number] + 1;
            fails[above] |= fails[*number];
        }
    }
    let alike = |number: usize| {
        let span = &tree.spans[number];
        let texts = [&span.service_name, &span.span_name, &span.span_kind, &span.cloud_region, &span.release];
        (texts.map(|text| text.as_deref()), span.source.name(), span.status)
    };
    let mut rows = Vec::new();
    let mut stack: Vec<(Vec<usize>, usize)> = Vec::new();
    let push = |stack: &mut Vec<(Vec<usize>, usize)>, children: &[usize], depth: usize| {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut places = HashMap::new();
        for child in children {
            // What failed is shown by itself.
            if style.collapse == 0 || fails[*child] {
                groups.push(vec![*child]);
                continue;
            }
            let place = *places.entry(alike(*child)).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.push(*child),
                None => groups.push(vec![*child]),
            }
        }
        let few = |group: Vec<usize>| match group.len() >= style.collapse.max(2) {
            true => vec![group],
            false => group.into_iter().map(|number| vec![number]).collect(),
        };
        let mut groups: Vec<Vec<usize>> = groups.into_iter().flat_map(few).collect();
        // Groups that were too small stand where their spans stood.
        let at: HashMap<usize, usize> = children.iter().copied().zip(0..).collect();
        groups.sort_by_key(|group| group.first().and_then(|number| at.get(number)));
        stack.extend(groups.into_iter().rev().map(|group| (group, depth)));
    };
    push(&mut stack, &tree.roots, 0);
    while let Some((spans, depth)) = stack.pop() {
        if rows.len() == ROWS_MAX {
            break;
        }
        let is_cut = spans.len() > 1 || style.depth.is_some_and(|most| depth + 1 >= most.max(1));
        let hidden = if is_cut { spans.iter().map(|number| below[*number]).sum() } else { 0 };
        if !is_cut {
            push(&mut stack, &tree.spans[spans[0]].children, depth + 1);
        }
        rows.push(Row { spans, depth, hidden });
    }
    rows
}

struct Picture<'t, W: Write> {
    trace: &'t Trace,
    style: &'t WaterfallStyle,
    /// Records that may still be shown.
    logs_left: usize,
    /// Records that are not.
    logs_folded: usize,
    out: BufWriter<W>,
}

impl<W: Write> Picture<'_, W> {
    fn head(&mut self) -> io::Result<()> {
        let (trace, summary) = (self.trace, &self.trace.summary);
        let mut facts = vec![visible(&trace.query)];
        if let Some(start) = summary.start_unix_nano {
            facts.push(time_text(start, &self.style.time_zone, "%Y-%m-%d %H:%M:%S%.3f"));
        }
        if let Some(duration) = summary.duration_nano {
            facts.push(duration_text(duration));
        }
        self.line(BOLD, &facts.join("  "))?;
        let count = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        let traces: BTreeSet<_> = trace.events.iter().filter_map(|event| event.record.trace_id.as_deref()).collect();
        let spans = trace.tree.spans.iter().filter(|span| span.source != SpanSource::Missing).count();
        let mut counts = vec![
            count(trace.events.len(), "record", "records"),
            count(spans, "span", "spans"),
            count(traces.len(), "trace", "traces"),
            count(summary.regions.len(), "region", "regions"),
        ];
        if summary.error_count > 0 {
            counts.push(count(usize::try_from(summary.error_count).unwrap_or(usize::MAX), "error", "errors"));
        }
        self.wrapped("", &counts.join(", "))?;
        let looked = trace.looked_at.iter().take(LOOKED_AT_MAX).map(|looked| {
            let minute = |time| time_text(time, &self.style.time_zone, "%Y-%m-%d %H:%M");
            let (since, until) = (minute(looked.since_unix_nano), looked.until_unix_nano.map(minute));
            format!("{since} to {}", until.as_deref().unwrap_or("now"))
        });
        let mut looked: Vec<String> = looked.collect();
        if trace.looked_at.len() > LOOKED_AT_MAX {
            looked.push(format!("{} times more", trace.looked_at.len() - LOOKED_AT_MAX));
        }
        self.wrapped("", &format!("looked at {}", looked.join(", and ")))?;
        for missing in &trace.completeness.missing_regions {
            self.wrapped(
                RED,
                &format!("INCOMPLETE without {}: the picture may have a hole there", visible(&missing.region)),
            )?;
        }
        if !trace.completeness.unreadable_files.is_empty() {
            let files = count(trace.completeness.unreadable_files.len(), "file", "files");
            self.wrapped(RED, &format!("INCOMPLETE without {files} that cannot be read"))?;
        }
        for cut in &trace.truncated {
            self.wrapped(RED, &visible(&format!("INCOMPLETE: {cut}")))?;
        }
        for crossing in &summary.crossings {
            let mut by_release: Vec<(&str, Vec<&str>)> = Vec::new();
            for seen in &crossing.releases {
                match by_release.iter_mut().find(|(release, _)| *release == seen.release) {
                    Some((_, regions)) => regions.push(&seen.cloud_region),
                    None => by_release.push((&seen.release, vec![&seen.cloud_region])),
                }
            }
            let releases: Vec<String> =
                by_release.iter().map(|(release, regions)| format!("{release} ({})", regions.join(", "))).collect();
            let text = format!("crosses {} {}", crossing.service_name, releases.join(" and "));
            self.wrapped(YELLOW, &visible(&text))?;
        }
        if let Some(error) = &summary.first_error {
            let span = &trace.tree.spans[error.span];
            let mut text = format!("first error: {}", service_text(span));
            text.extend(span.release.as_ref().map(|release| format!(" {release}")));
            text.extend(span.cloud_region.as_ref().map(|region| format!(" in {region}")));
            let said = [error.exception_type.as_deref(), error.message.as_deref().and_then(|text| text.lines().next())];
            let said: Vec<&str> = said.into_iter().flatten().collect();
            if !said.is_empty() {
                text.push_str(&format!(": {}", said.join(": ")));
            }
            self.wrapped(RED, &visible(&text))?;
        }
        let total: i64 = summary.region_time.iter().map(|time| time.critical_nano).sum();
        if total > 0 {
            let told = summary.region_time.iter().take(REGIONS_TOLD_MAX).map(|time| {
                let share = 100.0 * time.critical_nano as f64 / total as f64;
                let name = time.cloud_region.as_deref().unwrap_or("between spans");
                format!("{name} {} ({share:.0} %)", duration_text(time.critical_nano))
            });
            let told: Vec<String> = told.collect();
            self.wrapped("", &visible(&format!("time on the critical path: {}", told.join(", "))))?;
        }
        for skew in &summary.clock_skew {
            let side = if skew.offset_nano < 0 { "behind" } else { "ahead of" };
            let calls = count(skew.calls, "call", "calls");
            let done =
                if !summary.corrected_nano.is_empty() { "times are corrected" } else { "--correct-skew shifts them" };
            let text = format!(
                "clock skew: {} is at least {} {side} {}, by {calls}; {done}",
                skew.cloud_region,
                duration_text(skew.offset_nano.saturating_abs()),
                skew.reference_region
            );
            self.wrapped(YELLOW, &visible(&text))?;
        }
        for note in &trace.tree.notes {
            self.wrapped(YELLOW, &visible(&format!("note: {note}")))?;
        }
        writeln!(self.out)
    }

    fn rows(&mut self, rows: &[Row]) -> io::Result<()> {
        let trace = self.trace;
        let (start, duration) = (trace.summary.start_unix_nano.unwrap_or(0), trace.summary.duration_nano.unwrap_or(0));
        let cells: Vec<Cells> = rows.iter().map(|row| cells(trace, row)).collect();
        let layout = Layout::of(&cells, rows, self.style.width);
        let regions: Vec<&String> = trace.summary.regions.iter().collect();
        let axis = axis(duration, layout.bar);
        let mut linked: HashMap<usize, Vec<usize>> = HashMap::new();
        for (number, _) in trace.tree.in_order() {
            let ends: BTreeSet<usize> = trace.tree.spans[number].links.iter().filter_map(|link| link.span).collect();
            ends.into_iter().for_each(|end| linked.entry(end).or_default().push(number));
        }
        let names = ["span", "region", "service", "release", &axis, "took", "status"];
        let header = layout.line(&names.map(str::to_owned), &[""; 7], false);
        self.line(BOLD, header.trim_end())?;
        for (row, cells) in rows.iter().zip(&cells) {
            let first = &trace.tree.spans[row.spans[0]];
            let place = regions.iter().position(|region| Some(*region) == first.cloud_region.as_ref());
            let region_color = place.map_or("", |place| REGION_COLORS[place % REGION_COLORS.len()]);
            let bar = bar(trace, &row.spans, start, duration, layout.bar);
            let status_color = match first.status {
                Status::Error => RED,
                _ if !first.marks.is_empty() => YELLOW,
                _ => "",
            };
            let indent = layout.indent(row.depth);
            let tree = format!("{indent}{}", cells.name);
            let texts = [
                tree,
                cells.region.clone(),
                cells.service.clone(),
                cells.release.clone(),
                bar,
                cells.took.clone(),
                cells.status.clone(),
            ];
            let name_color = if first.status == Status::Error { RED } else { "" };
            let colors = [name_color, region_color, "", "", region_color, "", status_color];
            let line = layout.line(&texts, &colors, self.style.color);
            writeln!(self.out, "{}", line.trim_end())?;
            self.links(&row.spans, &linked, &format!("{indent}  "))?;
            for number in &row.spans {
                self.logs(&trace.tree.spans[*number], &format!("{indent}  "), start)?;
            }
        }
        let shown: usize = rows.iter().map(|row| row.spans.len() + row.hidden).sum();
        let left = [(trace.tree.spans.len().saturating_sub(shown), "spans"), (self.logs_folded, "records")];
        let left: Vec<String> = left
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} further {what}"))
            .collect();
        match left.is_empty() {
            true => Ok(()),
            false => self.wrapped(
                YELLOW,
                &format!(
                    "{} are not shown: --depth, --collapse and --logs fold, --format json has all",
                    left.join(" and ")
                ),
            ),
        }
    }

    /// What the spans of a line link to, and what links to them, each once.
    fn links(&mut self, row: &[usize], linked: &HashMap<usize, Vec<usize>>, indent: &str) -> io::Result<()> {
        let spans = &self.trace.tree.spans;
        let named = |number: usize| {
            let span = &spans[number];
            let name = span.span_name.as_deref().filter(|name| Some(*name) != span.service_name.as_deref());
            let name = name.map(|name| format!(" {}", visible(name))).unwrap_or_default();
            let trace = span.trace_id.as_deref().unwrap_or("-");
            format!("{}{name} in trace {trace}", service_text(span))
        };
        let to = row.iter().flat_map(|number| &spans[*number].links).map(|link| match link.span {
            Some(other) => format!("links to {}", named(other)),
            None => format!(
                "links to span {} in trace {}, which is not here",
                link.span_id.as_deref().unwrap_or("-"),
                link.trace_id
            ),
        });
        let from = row.iter().filter_map(|number| linked.get(number)).flatten();
        let from = from.map(|other| format!("linked from {}", named(*other)));
        let mut told = HashSet::new();
        let mut lines: Vec<String> = to.chain(from).filter(|line| told.insert(line.clone())).collect();
        let more = lines.len().saturating_sub(LINKS_MAX);
        lines.truncate(LINKS_MAX);
        if more > 0 {
            lines.push(format!("{more} more links"));
        }
        for line in lines {
            let text = cut(&format!("{indent}~ {line}"), self.style.width.unwrap_or(UNBOUND_LINE_WIDTH_MAX));
            self.line(DIM, &text)?;
        }
        Ok(())
    }

    fn logs(&mut self, span: &Span, indent: &str, start: i64) -> io::Result<()> {
        let trace = self.trace;
        let is_shown = |event: &&Event| match self.style.logs {
            LogsShown::None => false,
            LogsShown::All => event.record.signal == "log",
            LogsShown::Errors => event.record.signal == "log" && is_counted_error(event),
        };
        let shown: Vec<&Event> =
            span.records.iter().filter_map(|index| trace.events.get(*index)).filter(is_shown).collect();
        let (now, later) = shown.split_at(shown.len().min(self.logs_left));
        self.logs_left -= now.len();
        self.logs_folded += later.len();
        for event in now {
            let record = &event.record;
            let offset = record.time_unix_nano.saturating_sub(start + ahead(event, &trace.summary.corrected_nano));
            let sign = if offset < 0 { "" } else { "+" };
            let offset = format!("{sign}{}", duration_text(offset));
            let level = level(event);
            let color = match level {
                "ERROR" | "FATAL" => RED,
                "WARN" => YELLOW,
                _ => DIM,
            };
            for (index, part) in message(event).lines().take(MESSAGE_LINES_MAX).enumerate() {
                let text = match index {
                    0 => format!("{indent}{offset} {level} {}", visible(&part.replace('\t', " "))),
                    _ => format!("{indent}    {}", visible(&part.replace('\t', " "))),
                };
                let text = cut(&text, self.style.width.unwrap_or(UNBOUND_LINE_WIDTH_MAX));
                self.line(color, &text)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, color: &str, text: &str) -> io::Result<()> {
        match self.style.color && !color.is_empty() {
            true => writeln!(self.out, "{color}{text}{PLAIN}"),
            false => writeln!(self.out, "{text}"),
        }
    }

    /// A sentence, over as many lines as it takes.
    fn wrapped(&mut self, color: &str, text: &str) -> io::Result<()> {
        let text = &cut(text, UNBOUND_LINE_WIDTH_MAX);
        let Some(width) = self.style.width.filter(|width| *width > 20) else { return self.line(color, text) };
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && line.width() + 1 + word.width() > width {
                self.line(color, &line)?;
                line = "   ".to_owned();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(color, &line)
    }
}

/// The texts of a line, but for its bar.
struct Cells {
    name: String,
    region: String,
    service: String,
    release: String,
    took: String,
    status: String,
}

fn cells(trace: &Trace, row: &Row) -> Cells {
    let spans: Vec<&Span> = row.spans.iter().map(|number| &trace.tree.spans[*number]).collect();
    let first = spans[0];
    let mut name = match (first.source, &first.span_name) {
        (SpanSource::Missing, _) => "(parent not seen)".to_owned(),
        (_, Some(name)) if matches!(first.span_kind.as_deref(), Some("CLIENT" | "PRODUCER")) => {
            format!("→ {}", visible(name))
        }
        (_, Some(name)) => visible(name),
        (SpanSource::Records, None) => format!("{} (records)", service_text(first)),
        (_, None) => service_text(first),
    };
    if spans.len() > 1 {
        name.push_str(&format!(" ×{}", spans.len()));
    }
    if row.hidden > 0 {
        name.push_str(&format!(" (+{})", row.hidden));
    }
    let durations = || spans.iter().filter_map(|span| Some(span.end_unix_nano?.saturating_sub(span.start_unix_nano)));
    let took = match durations().max() {
        Some(most) if spans.len() > 1 => format!("≤ {}", duration_text(most)),
        Some(one) if first.source == SpanSource::Missing => format!("≥ {}", duration_text(one)),
        Some(one) => duration_text(one),
        None => "…".to_owned(),
    };
    let mut status = Vec::new();
    match (first.status, first.http_response_status_code) {
        (Status::Error, Some(code)) => status.push(format!("ERROR {code}")),
        (Status::Error, None) => status.push("ERROR".to_owned()),
        (Status::Ok, _) => status.push("OK".to_owned()),
        (Status::Unset, Some(code)) => status.push(code.to_string()),
        (Status::Unset, None) => {}
    }
    if let Some((attempt, attempts)) = first.attempt {
        status.push(format!("attempt {attempt}/{attempts}"));
    }
    if first.faas_coldstart == Some(true) {
        status.push("cold".to_owned());
    }
    let told = first.marks.iter().filter(|mark| **mark != Mark::ParentNotSeen);
    status.extend(told.map(|mark| mark.text().to_owned()));
    Cells {
        name,
        region: visible(first.cloud_region.as_deref().unwrap_or("")),
        service: visible(first.service_name.as_deref().unwrap_or("")),
        release: visible(first.release.as_deref().unwrap_or("")),
        took,
        status: status.join(", "),
    }
}

/// The widths of the columns: tree, region, service, release, bar, duration. Status takes what is left.
struct Layout {
    widths: [usize; 6],
    bar: usize,
    status: Option<usize>,
    indent: usize,
}

impl Layout {
    fn of(cells: &[Cells], rows: &[Row], width: Option<usize>) -> Layout {
        let widest = |text: fn(&Cells) -> &str, name: &str| {
            cells.iter().map(|cells| text(cells).width()).max().unwrap_or(0).max(name.width())
        };
        let deepest = rows.iter().map(|row| row.depth).max().unwrap_or(0);
        let tree = |indent: usize| {
            let wide = rows.iter().zip(cells).map(|(row, cells)| row.depth * indent + cells.name.width());
            wide.max().unwrap_or(0).max(4)
        };
        let mut sides = [
            widest(|cells| &cells.region, "region"),
            widest(|cells| &cells.service, "service"),
            widest(|cells| &cells.release, "release"),
        ];
        let took = widest(|cells| &cells.took, "took");
        let status = widest(|cells| &cells.status, "status");
        let gaps = 6 * GAP.width();
        let Some(width) = width else {
            let [region, service, release] = sides.map(|side| side.min(UNBOUND_COLUMN_WIDTH_MAX));
            let widths = [tree(2).min(UNBOUND_COLUMN_WIDTH_MAX), region, service, release, BAR_WIDTH, took];
            return Layout { widths, bar: BAR_WIDTH, status: None, indent: 2 };
        };
        // What a person needs least goes first: the full width of long names, then that of the bar, then of the tree.
        let status_min = status.min(if width < 100 { 9 } else { 24 });
        let fixed = |sides: &[usize; 3]| sides.iter().sum::<usize>() + took + status_min + gaps;
        if fixed(&sides) + tree(2).min(30) + BAR_WIDTH_MIN > width {
            for (side, most) in sides.iter_mut().zip(NARROW) {
                *side = (*side).min(most);
            }
        }
        let indent = if deepest > 8 || tree(2) + fixed(&sides) + BAR_WIDTH_MIN > width { 1 } else { 2 };
        let free = width.saturating_sub(fixed(&sides));
        let tree_width = tree(indent)
            .min(free.saturating_sub(BAR_WIDTH_MIN).max(TREE_WIDTH_MIN))
            .min((free * 2 / 3).max(TREE_WIDTH_MIN));
        let left = free.saturating_sub(tree_width);
        let bar = left.clamp(BAR_WIDTH_MIN, 100.max(width / 2));
        let bar = bar
            .min(left.max(BAR_WIDTH_MIN))
            .saturating_sub((status - status_min).min(left.saturating_sub(BAR_WIDTH_MIN + 6)) / 2);
        let bar = bar.max(BAR_WIDTH_MIN);
        let mut widths = [tree_width, sides[0], sides[1], sides[2], bar, took];
        let used = |widths: &[usize; 6]| widths.iter().sum::<usize>() + gaps;
        // How it ended is said before where it ran, and when.
        for column in [4, 3, 2, 1, 0] {
            let over = (used(&widths) + status_min).saturating_sub(width);
            widths[column] -= over.min(widths[column].saturating_sub(COLUMN_WIDTH_MIN));
        }
        Layout { widths, bar: widths[4], status: Some(width.saturating_sub(used(&widths))), indent }
    }

    /// How far a span of this depth stands from the edge. Of a deep one the number stands instead.
    fn indent(&self, depth: usize) -> String {
        let most = (self.widths[0] / 2).max(1);
        match depth * self.indent > most {
            true if depth > 0 && (self.status.is_some() || self.widths[0] == UNBOUND_COLUMN_WIDTH_MAX) => {
                format!("{:>most$} ", format!("›{depth}"))
            }
            _ => " ".repeat(depth * self.indent),
        }
    }

    fn line(&self, texts: &[String; 7], colors: &[&str; 7], with_color: bool) -> String {
        let mut line = String::new();
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                line.push_str(GAP);
            }
            let width = match index {
                6 => self.status.unwrap_or_else(|| text.width()),
                _ => self.widths[index],
            };
            let text = cut(text, width);
            let padding = " ".repeat(width.saturating_sub(text.width()));
            let color = if with_color { colors[index] } else { "" };
            let (before, after) = if color.is_empty() { ("", "") } else { (color, PLAIN) };
            match index {
                // Numbers end where they should be compared.
                5 => line.extend([padding.as_str(), before, &text, after]),
                _ => line.extend([before, &text, after, padding.as_str()]),
            }
        }
        line
    }
}

/// The time axis: its beginning and its end.
fn axis(duration: i64, width: usize) -> String {
    let end = duration_text(duration);
    format!("0{end:>rest$}", rest = width.saturating_sub(1))
}

/// The bars of some spans. Solid is what the request waited for itself, shaded what went on meanwhile: the solid parts of
/// all lines are the critical path. An end that nobody saw is an arrow.
fn bar(trace: &Trace, spans: &[usize], start: i64, duration: i64, width: usize) -> String {
    let mut cells = vec![' '; width];
    let at = |time: i64| {
        let share = (i128::from(time) - i128::from(start)).max(0) * width as i128 / i128::from(duration.max(1));
        usize::try_from(share).unwrap_or(0).min(width - 1)
    };
    for span in spans.iter().map(|number| &trace.tree.spans[*number]) {
        let last = span.last_unix_nano(&trace.events);
        let (from, to) = (at(span.start_unix_nano), at(last.saturating_sub(1).max(span.start_unix_nano)));
        cells[from..=to].fill(if span.source == SpanSource::Missing { '·' } else { '░' });
        for (from, until) in &span.critical {
            cells[at(*from)..=at(until.saturating_sub(1).max(*from))].fill('█');
        }
        if span.end_unix_nano.is_none() {
            cells[to] = '»';
        }
    }
    let text: String = cells.into_iter().collect();
    text
}

fn service_text(span: &Span) -> String {
    visible(span.service_name.as_deref().or(span.faas_name.as_deref()).unwrap_or("-"))
}

fn level(event: &Event) -> &'static str {
    match event.record.severity_number {
        Some(21..) => "FATAL",
        Some(17..=20) => "ERROR",
        Some(13..=16) => "WARN",
        Some(9..=12) => "INFO",
        Some(5..=8) => "DEBUG",
        Some(_) => "TRACE",
        None if is_error(event) => "ERROR",
        None => "-",
    }
}

/// What a record says, and its exception.
fn message(event: &Event) -> String {
    let record = &event.record;
    let body = record.body.as_deref().map(str::trim).filter(|body| !body.is_empty());
    let mut text = match (body, record.event_name.as_deref()) {
        (Some(body), _) => body.to_owned(),
        (None, Some(name)) if name != "exception" => name.to_owned(),
        (None, _) => String::new(),
    };
    let exception: Vec<&str> =
        [&record.exception_type, &record.exception_message].into_iter().filter_map(|part| part.as_deref()).collect();
    let is_said = exception.last().is_some_and(|last| text.contains(last));
    if !exception.is_empty() && !is_said {
        let exception = exception.join(": ");
        match text.split_once('\n') {
            Some((first, rest)) => text = format!("{first} | {exception}\n{rest}"),
            None if text.is_empty() => text = exception,
            None => text = format!("{text} | {exception}"),
        }
    }
    if !text.is_empty() {
        return text;
    }
    let attributes = record.attributes.as_deref().unwrap_or("(no message)");
    attributes.chars().take(ATTRIBUTES_MAX).collect()
}

/// A time in a form, which is `strftime`'s, and the zone's offset behind it.
fn time_text(unix_nano: i64, time_zone: &TimeZone, form: &str) -> String {
    let Ok(time) = jiff::Timestamp::from_nanosecond(i128::from(unix_nano)) else { return "-".to_owned() };
    let time = time.to_zoned(time_zone.clone());
    let zone = if time.offset().is_zero() { "Z".to_owned() } else { time.strftime("%:z").to_string() };
    format!("{}{zone}", time.strftime(form))
}

/// A duration as people say it, to three digits.
pub(crate) fn duration_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let digits = |value: f64, unit: &str| match value {
        value if value >= 99.95 => format!("{sign}{value:.0} {unit}"),
        value if value >= 9.995 => format!("{sign}{value:.1} {unit}"),
        value => format!("{sign}{value:.2} {unit}"),
    };
    match nanos {
        0 => "0 ms".to_owned(),
        1..1_000 => format!("{sign}{nanos} ns"),
        1_000..999_500 => digits(nanos as f64 / 1e3, "µs"),
        999_500..999_500_000 => digits(nanos as f64 / 1e6, "ms"),
        999_500_000..120_000_000_000 => digits(nanos as f64 / 1e9, "s"),
        _ => {
            let seconds = nanos / 1_000_000_000;
            match seconds {
                ..7_200 => format!("{sign}{} m {:02} s", seconds / 60, seconds % 60),
                _ => format!("{sign}{} h {:02} m", seconds / 3_600, seconds / 60 % 60),
            }
        }
    }
}

/// The text within a width, with an ellipsis where it had to be cut.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let mut cut = String::new();
    let mut used = 0;
    for letter in text.chars() {
        let next = letter.width().unwrap_or(0);
        if used + next + 1 > width {
            break;
        }
        cut.push(letter);
        used += next;
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let check = |nanos, expected: &str| assert_eq!(duration_text(nanos), expected);
        check(0, "0 ms");
        check(999, "999 ns");
        check(1_500, "1.50 µs");
        check(301_302_731, "301 ms");
        check(999_600, "1.00 ms");
        check(1_234_000_000, "1.23 s");
        check(-45_600_000, "-45.6 ms");
        check(185_000_000_000, "3 m 05 s");
        check(9_000_000_000_000, "2 h 30 m");
    }

    #[test]
    fn cut_text_keeps_to_the_width_of_what_is_seen() {
        assert_eq!(cut("x", 0), "");
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("日本語日本語", 6), "日本…");
        assert_eq!(cut("日本語", 6), "日本語");
    }
}
