//! What is wrong with the migrations, and where, for people.
//!
//! **Invariant:** plain text by default, and the same on every machine: paths are relative, there is no colour and no terminal
//! width in it.

use std::fmt;
use std::sync::Arc;

use annotate_snippets::{
    AnnotationKind, Group, Level as Title, Origin, Padding, Renderer, Snippet,
    normalize_untrusted_str,
};
use reshape_runtime::rule::{LintLevel, Rule};

use crate::text::{Source, Span};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The build fails, and so does [`load`](crate::load).
    Error,
    /// It is told, and nothing else.
    Warning,
}

/// One problem: a mistake in a migration file, or a folder that cannot be read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Diagnostic {
    /// What it breaks; the rule's id is part of what is rendered.
    pub rule: Rule,
    /// How bad it is.
    pub level: Level,
    /// The file or folder, relative to the package (or as it was given), with `/` on every platform.
    pub file: String,
    /// The line, from 1; 1 if the problem is the file or folder as a whole.
    pub line: usize,
    /// The column in characters, from 1; 1 if the problem is the file or folder as a whole.
    pub column: usize,
    /// What is wrong: lower case, names in backticks, no full stop.
    pub message: String,
    /// What to do about it, one advice each.
    pub help: Vec<String>,
    place: Place,
    related: Vec<(Place, String)>,
}

/// A place for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location<'a> {
    /// As [`Diagnostic::file`].
    pub file: &'a str,
    /// Where it begins, and the place behind it, each as line and column from 1, columns in characters; `None` for the file or folder as a
    /// whole.
    pub range: Option<((usize, usize), (usize, usize))>,
}

/// A place in a source; without a span the source as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) source: Arc<Source>,
    pub(crate) span: Option<Span>,
}

impl Place {
    pub(crate) fn whole(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), span: None }
    }

    pub(crate) fn at(source: &Arc<Source>, span: &Span) -> Self {
        Self { source: Arc::clone(source), span: Some(source.first_line(span)) }
    }

    fn location(&self) -> Location<'_> {
        let position = |offset| self.source.position(offset);
        let range = self.span.as_ref().map(|span| (position(span.start), position(span.end)));
        Location { file: &self.source.path, range }
    }
}

impl Diagnostic {
    pub(crate) fn new(rule: Rule, place: Place, message: impl Into<String>) -> Self {
        let (line, column) = match &place.span {
            Some(span) => place.source.position(span.start),
            None => (1, 1),
        };
        let level = match rule.level() {
            LintLevel::Deny => Level::Error,
            LintLevel::Warn | LintLevel::Allow => Level::Warning,
        };
        Self {
            rule,
            level,
            file: place.source.path.clone(),
            line,
            column,
            message: message.into(),
            help: Vec::new(),
            place,
            related: Vec::new(),
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub(crate) fn at_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Another place that explains it, with what is there.
    pub(crate) fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related.push((place, label.into()));
        self
    }

    /// Where it is, for programs.
    pub fn location(&self) -> Location<'_> {
        self.place.location()
    }

    /// The other places that explain it, each with what is there.
    pub fn related_places(&self) -> impl Iterator<Item = (Location<'_>, &str)> {
        self.related.iter().map(|(place, told)| (place.location(), told.as_str()))
    }

    /// The problem in one line, `file:line:column: [R0201] message`: where there is no room for more.
    pub(crate) fn line(&self) -> String {
        let Self { file, line, column, rule, message, .. } = self;
        // A message may quote what is written in a file.
        let message = message.replace(['\n', '\r'], " ");
        format!("{file}:{line}:{column}: [{rule}] {message}")
    }

    /// The whole problem for people: message, `file:line:column`, the lines concerned and the help, without a final newline.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let title = match self.level {
            Level::Error => Title::ERROR,
            Level::Warning => Title::WARNING,
        };
        let title = title.primary_title(self.message.as_str()).id(self.rule.id());
        let mut group = Group::with_title(title);
        for source in self.sources() {
            group = self.snippets(group, source);
        }
        if self.place.span.is_none() && !self.help.is_empty() {
            group = group.element(Padding);
        }
        for help in &self.help {
            group = group.element(Title::HELP.message(normalize_untrusted_str(help)));
        }
        // Blank lines of a help are indented: nothing at the end of a line is worth the noise in a diff.
        let text = renderer.render(&[group]);
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    /// The sources to show, each once, the problem's own first.
    fn sources(&self) -> Vec<&Arc<Source>> {
        let mut sources = vec![&self.place.source];
        for (place, _) in &self.related {
            if !sources.iter().any(|source| Arc::ptr_eq(source, &place.source)) {
                sources.push(&place.source);
            }
        }
        sources
    }

    fn snippets<'a>(&'a self, group: Group<'a>, source: &'a Arc<Source>) -> Group<'a> {
        let own = std::iter::once((&self.place, AnnotationKind::Primary, None));
        let related = self
            .related
            .iter()
            .map(|(place, label)| (place, AnnotationKind::Context, Some(label.as_str())));
        let mut annotations = Vec::new();
        let mut whole = None;
        for (place, kind, label) in own.chain(related) {
            if !Arc::ptr_eq(&place.source, source) {
                continue;
            }
            match &place.span {
                Some(span) => annotations.push(kind.span(span.clone()).label(label)),
                None => whole = Some(label),
            }
        }
        if !annotations.is_empty() {
            let snippet = Snippet::source(source.text.as_str()).path(source.path.as_str());
            return group.element(snippet.annotations(annotations));
        }
        let group = group.element(Origin::path(source.path.as_str()));
        match whole.flatten() {
            Some(label) => group.element(Title::NOTE.message(normalize_untrusted_str(label))),
            None => group,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// Everything that is wrong with a set of migrations; never empty when it is an error.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The problems, in the order of the files, then of the lines.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Those that fail a build.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter().filter(|problem| problem.level == Level::Error)
    }

    /// Those that do not.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter().filter(|problem| problem.level == Level::Warning)
    }

    /// All problems for people, a blank line between two, without a final newline.
    pub fn render(&self, color: bool) -> String {
        self.list.iter().map(|problem| problem.render(color)).collect::<Vec<_>>().join("\n\n")
    }

    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }

    pub(crate) fn extend(&mut self, problems: impl IntoIterator<Item = Diagnostic>) {
        self.list.extend(problems);
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}
