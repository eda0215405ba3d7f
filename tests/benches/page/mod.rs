//! The results as a page with charts, drawn by hand: nothing has to be fetched to look at them.

mod machine;

use std::fmt::Write as _;

use serde_json::Value;

pub(crate) use machine::machine;

/// The colours of a chart's lines, in turn.
const COLOURS: [&str; 8] = ["#27a", "#c53", "#2a7", "#a3a", "#a80", "#088", "#666", "#d47"];

/// The text of a field; empty if there is none.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// How much it is of what it is compared with.
pub(crate) fn ratio(row: &Value) -> Option<f64> {
    Some(row["measured"].as_f64()? / row["floor"].as_f64()?)
}

/// All of it as HTML.
pub(crate) fn page(machine: &str, rows: &[Value], series: &[Value], notes: &[Value]) -> String {
    let mut axes: Vec<&str> = Vec::new();
    for one in series {
        if !axes.contains(&text(one, "axis")) {
            axes.push(text(one, "axis"));
        }
    }
    let mut growth = String::new();
    for axis in axes {
        let of_axis: Vec<&Value> = series.iter().filter(|one| text(one, "axis") == axis).collect();
        growth += &format!("<h2>{axis}</h2>\n{}", chart(&of_axis));
    }
    let mut said = String::new();
    for note in notes.iter().filter_map(Value::as_str) {
        said += &format!("<p>{}</p>\n", escaped(note));
    }
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>reshape: what it costs</title>\n<style>body {{ font: 14px sans-serif; margin: 2em }}</style>\n\
         <h1>What it costs, as a ratio to what it is compared with</h1>\n<p>{}</p>\n{said}{}\
         <h1>How it grows</h1>\n<p>Both scales are logarithmic: what is linear rises as the grey lines do. Dashed: what Postgres or the machine takes by itself.</p>\n{growth}",
        escaped(machine),
        bars(rows)
    )
}

/// A bar for each ratio; the line is where it equals what it is compared with.
fn bars(rows: &[Value]) -> String {
    const SCALE: f64 = 200.0;
    const LONGEST: f64 = 3.0;
    let mut bars = String::new();
    let mut y = 10;
    for row in rows {
        let Some(ratio) = ratio(row) else { continue };
        let width = ratio.min(LONGEST) * SCALE;
        let fill = match row["met"].as_bool() {
            Some(true) => "#2a7",
            Some(false) => "#c53",
            None => "#89a",
        };
        let label = escaped(&format!(
            "{} {} ({})",
            text(row, "id"),
            text(row, "what"),
            text(row, "compared_with")
        ));
        writeln!(
            bars,
            "<text x=\"0\" y=\"{}\">{label}</text><rect x=\"0\" y=\"{}\" width=\"{width:.0}\" height=\"12\" fill=\"{fill}\"/><text x=\"{:.0}\" y=\"{}\">{ratio:.2}</text>",
            y + 10,
            y + 15,
            width + 6.0,
            y + 26
        )
        .expect("a string takes everything");
        y += 40;
    }
    format!(
        "<svg width=\"1100\" height=\"{}\" font-size=\"12\">\n<line x1=\"{SCALE}\" x2=\"{SCALE}\" y1=\"0\" y2=\"{y}\" stroke=\"#999\" stroke-dasharray=\"4\"/>\n{bars}</svg>\n",
        y + 10
    )
}

/// The points of a series: sizes and milliseconds.
fn points(series: &Value) -> Vec<(f64, f64)> {
    let points = series["points"].as_array().map(Vec::as_slice).unwrap_or_default();
    let point = |point: &Value| Some((point["size"].as_f64()?, point["median"].as_f64()?));
    points.iter().filter_map(point).collect()
}

/// Lines over sizes, both on logarithmic scales.
fn chart(series: &[&Value]) -> String {
    const LEFT: f64 = 80.0;
    const TOP: f64 = 10.0;
    /// The width and height of a factor of ten.
    const DECADE: (f64, f64) = (110.0, 60.0);
    let all: Vec<(f64, f64)> = series.iter().flat_map(|one| points(one)).collect();
    let decades = |of: fn(&(f64, f64)) -> f64| {
        let logarithms = all.iter().map(|point| of(point).max(1e-6).log10());
        let (low, high) = logarithms.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| {
            (low.min(at), high.max(at))
        });
        (low.floor(), high.ceil().max(low.floor() + 1.0))
    };
    if all.is_empty() {
        return String::new();
    }
    let ((x_low, x_high), (y_low, y_high)) = (decades(|point| point.0), decades(|point| point.1));
    let (width, height) = ((x_high - x_low) * DECADE.0, (y_high - y_low) * DECADE.1);
    let x = |size: f64| LEFT + (size.log10() - x_low) * DECADE.0;
    let y = |value: f64| TOP + height - (value.max(1e-6).log10() - y_low) * DECADE.1;
    let mut drawn = String::new();
    let mut draw = |element: String| {
        drawn += &element;
        drawn.push('\n');
    };
    let mut at = x_low;
    while at <= x_high {
        let (x, label) = (LEFT + (at - x_low) * DECADE.0, 10_f64.powf(at));
        draw(format!(
            "<line x1=\"{x:.0}\" x2=\"{x:.0}\" y1=\"{TOP}\" y2=\"{:.0}\" stroke=\"#eee\"/><text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>",
            TOP + height,
            TOP + height + 16.0
        ));
        at += 1.0;
    }
    let mut at = y_low;
    while at <= y_high {
        let (y, label) = (TOP + height - (at - y_low) * DECADE.1, 10_f64.powf(at));
        draw(format!(
            "<line x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{y:.0}\" y2=\"{y:.0}\" stroke=\"#eee\"/><text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{label} ms</text>",
            LEFT + width,
            LEFT - 6.0,
            y + 4.0
        ));
        // What is linear and goes through the corner of this line and the left edge.
        let decades = (x_high - x_low).min(y_high - at);
        draw(format!(
            "<line x1=\"{LEFT}\" y1=\"{y:.0}\" x2=\"{:.0}\" y2=\"{:.0}\" stroke=\"#ddd\"/>",
            LEFT + decades * DECADE.0,
            y - decades * DECADE.1
        ));
        at += 1.0;
    }
    for (number, one) in series.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let dashes =
            if one["is_floor"].as_bool() == Some(true) { " stroke-dasharray=\"5\"" } else { "" };
        let points = points(one);
        let line: Vec<String> = points
            .iter()
            .map(|(size, value)| format!("{:.1},{:.1}", x(*size), y(*value)))
            .collect();
        let line = line.join(" ");
        draw(format!(
            "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>"
        ));
        for point in one["points"].as_array().into_iter().flatten() {
            let of = |key: &str| point[key].as_f64().unwrap_or_default();
            let (x, low, high) = (x(of("size")), y(of("min")), y(of("max")));
            let title = format!("{}: {}", of("size"), text(point, "shown"));
            draw(format!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{low:.1}\" y2=\"{high:.1}\" stroke=\"{colour}\"/><circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"><title>{title}</title></circle>",
                y(of("median"))
            ));
        }
        let (legend_x, legend_y) =
            (LEFT + width + 30.0, TOP + 20.0 * (crate::as_f64(number) + 1.0));
        let verdict = match (one["exponent"].as_f64(), one["is_linear"].as_bool()) {
            (Some(exponent), Some(true)) => format!(": n^{exponent:.2}, linear or below"),
            (Some(exponent), _) => format!(": n^{exponent:.2}, worse than linear"),
            (None, _) => String::new(),
        };
        let label = escaped(&format!("{}{verdict}", text(one, "what")));
        draw(format!(
            "<rect x=\"{legend_x}\" y=\"{:.0}\" width=\"14\" height=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"{legend_y}\">{label}</text>",
            legend_y - 6.0,
            legend_x + 20.0
        ));
    }
    let rows = TOP + 20.0 * (crate::as_f64(series.len()) + 1.0);
    format!(
        "<svg width=\"{:.0}\" height=\"{:.0}\" font-size=\"12\">\n{drawn}</svg>\n",
        LEFT + width + 520.0,
        (TOP + height + 30.0).max(rows)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
