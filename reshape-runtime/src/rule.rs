//! The rules: everything that can be said about a history before it meets a database, each with an id that stays.
//!
//! **Invariant:** an id and a name mean the same for ever. A rule that is given up leaves its id behind, unused.
//!
//! **Invariant:** only hazards have levels. An error means that the migration would fail, or would not do what it says.

/// What becomes of a hazard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintLevel {
    /// It is not mentioned.
    Allow,
    /// It is a warning.
    Warn,
    /// It is an error.
    Deny,
}

impl LintLevel {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Warn, Self::Deny];

    /// Its name in `reshape.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

/// What breaking a rule means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The migration would fail, or would not do what it says. Nothing makes that acceptable.
    Error,
    /// It would work, at a price that may be too high. `reshape.toml` can give it another level than this, and a migration can accept it.
    Hazard(LintLevel),
}

/// Writes the enum and what is known of each variant, so that neither can be without the other.
macro_rules! rules {
    ($($id:literal $name:literal $variant:ident = $class:expr, $summary:literal;)+) => {
        /// A rule that migrations can break. Every diagnostic names one, by its id.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(
                #[doc = concat!("`", $id, "`, `", $name, "`: ", $summary, ".")]
                $variant,
            )+
        }

        impl Rule {
            /// Every rule, in the order of the ids.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its id, e.g. `R0201`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id),+ }
            }

            /// Its name, in kebab case, e.g. `unknown-table`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What breaks it, in one line: lower case, no full stop.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary),+ }
            }

            /// What breaking it means.
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => $class),+ }
            }
        }
    };
}

use Class::{Error, Hazard};

rules! {
    // R00: files, and what stands in them.
    "R0001" "invalid-toml" InvalidToml = Error, "a file is not TOML";
    "R0002" "invalid-json" InvalidJson = Error, "a file is not JSON";
    "R0003" "duplicate-key" DuplicateKey = Error, "a key is written twice in a table";
    "R0004" "unreadable-file" UnreadableFile = Error, "a file cannot be read";
    "R0005" "not-utf8" NotUtf8 = Error, "a file or its name is not UTF-8";
    "R0006" "unknown-key" UnknownKey = Error, "a key means nothing where it stands";
    "R0007" "missing-key" MissingKey = Error, "a key is missing that has no default";
    "R0008" "wrong-type" WrongType = Error, "a value is of the wrong type, e.g. a number for an SQL expression";
    "R0009" "unknown-action" UnknownAction = Error, "an action has a type that does not exist";
    "R0010" "not-supported-yet" NotSupportedYet = Error, "a key or an action belongs to the format but does not work yet";
    "R0011" "unknown-value" UnknownValue = Error, "a value is none of those that its key accepts";
    "R0012" "empty-value" EmptyValue = Error, "a name, an expression or a list is empty";
    "R0013" "nul-character" NulCharacter = Error, "a text contains a NUL character, which Postgres cannot store";
    "R0014" "exclusive-keys" ExclusiveKeys = Error, "two keys stand together of which only one can be";
    "R0015" "not-in-baseline" NotInBaseline = Error, "a baseline does something instead of describing what is there";
    "R0016" "two-configurations" TwoConfigurations = Error, "there are settings both in `reshape.toml` and in `Cargo.toml`";
    "R0017" "unknown-lint" UnknownLint = Error, "a level is set, or an exception made, for a rule that does not exist";
    "R0018" "level-of-error" LevelOfError = Error, "a level is set, or an exception made, for a rule that is no hazard";

    // R01: sets of migrations, their order and their names.
    "R0101" "missing-folder" MissingFolder = Error, "a folder of migrations does not exist";
    "R0102" "not-a-folder" NotAFolder = Error, "what should be a folder of migrations is a file";
    "R0103" "empty-folder" EmptyFolder = Error, "a folder of migrations has none";
    "R0104" "unreadable-folder" UnreadableFolder = Error, "a folder of migrations cannot be read";
    "R0105" "ambiguous-order" AmbiguousOrder = Error, "it is not clear which of two migrations comes first";
    "R0106" "duplicate-name" DuplicateName = Error, "two migrations have the same name";
    "R0107" "similar-names" SimilarNames = Error, "two migrations have names that differ only in case or punctuation";
    "R0108" "migration-name-too-long" MigrationNameTooLong = Error, "a migration's name has no room in the name of its schema";
    "R0109" "invalid-namespace" InvalidNamespace = Error, "a set of migrations has a name that cannot be one";
    "R0110" "unknown-requirement" UnknownRequirement = Error, "a migration requires one that does not exist";
    "R0111" "required-later" RequiredLater = Error, "a migration requires itself or one that comes later";

    // R02: histories, in which every action meets the schema that the ones before it have made.
    "R0201" "unknown-table" UnknownTable = Error, "a table does not exist";
    "R0202" "unknown-column" UnknownColumn = Error, "a table has no such column";
    "R0203" "unknown-index" UnknownIndex = Error, "an index does not exist";
    "R0204" "unknown-constraint" UnknownConstraint = Error, "a table has no such check or foreign key";
    "R0205" "unknown-enum" UnknownEnum = Error, "an enum type does not exist";
    "R0206" "unknown-type" UnknownType = Error, "a type does not exist, and is close to one that does";
    "R0207" "removed-earlier" RemovedEarlier = Error, "something is used that an earlier action has removed";
    "R0208" "renamed-earlier" RenamedEarlier = Error, "something goes by a name that an earlier action has changed";
    "R0209" "created-later" CreatedLater = Error, "something is used before it is created";
    "R0210" "already-exists" AlreadyExists = Error, "something is created or renamed to what exists already";
    "R0211" "wrong-schema" WrongSchema = Error, "a table or an index is in another schema than the one that is said";
    "R0212" "identifier-too-long" IdentifierTooLong = Error, "a name has more than the 63 bytes that Postgres keeps";
    "R0213" "reserved-name" ReservedName = Error, "a name belongs to Postgres, or to the versions of the schema";
    "R0214" "listed-twice" ListedTwice = Error, "a list names the same thing twice";
    "R0215" "no-columns" NoColumns = Error, "a table, an index or a foreign key has no columns";
    "R0216" "not-null-without-value" NotNullWithoutValue = Error, "a column is to be NOT NULL, and rows that exist get no value for it";
    "R0217" "removed-without-down" RemovedWithoutDown = Error, "a NOT NULL column is removed, and rows of new clients get no value for it";
    "R0218" "column-in-primary-key" ColumnInPrimaryKey = Error, "a column of a primary key is removed or made nullable";
    "R0219" "still-referenced" StillReferenced = Error, "something is removed that a foreign key refers to";
    "R0220" "type-in-use" TypeInUse = Error, "an enum type is removed that a column still has";
    "R0221" "foreign-key-columns" ForeignKeyColumns = Error, "a foreign key does not refer to as many columns as it has";
    "R0222" "foreign-key-types" ForeignKeyTypes = Error, "a foreign key refers to a column of a type that cannot be compared with its own";
    "R0223" "foreign-key-without-unique-key" ForeignKeyWithoutUniqueKey = Error, "a foreign key refers to columns that are no unique key";
    "R0224" "index-of-primary-key" IndexOfPrimaryKey = Error, "the index of a primary key is removed by itself";
    "R0225" "conflicting-default" ConflictingDefault = Error, "a column gets its value from more than one place";
    "R0226" "invalid-generated" InvalidGenerated = Error, "a column is generated in a way that Postgres does not know";
    "R0227" "identity-type" IdentityType = Error, "an identity column is not of an integer type";
    "R0228" "index-method" IndexMethod = Error, "an index asks for what its type cannot do";
    "R0229" "changes-nothing" ChangesNothing = Error, "an action changes nothing";
    "R0230" "reverts-nothing" RevertsNothing = Error, "a `custom` action takes back what it never does";

    // R03: SQL in expressions, conditions and `custom` actions.
    "R0301" "sql-syntax" SqlSyntax = Error, "a piece of SQL does not parse";
    "R0302" "sql-unknown-column" SqlUnknownColumn = Error, "a piece of SQL names a column that is not there";
    "R0303" "sql-ambiguous-column" SqlAmbiguousColumn = Error, "a piece of SQL names a column that several tables have";
    "R0304" "sql-unknown-table" SqlUnknownTable = Error, "a piece of SQL names a table that is not there";
    "R0305" "sql-unknown-function" SqlUnknownFunction = Error, "a piece of SQL calls a function whose name is a slip of another";
    "R0306" "sql-type-mismatch" SqlTypeMismatch = Error, "a piece of SQL has a value of a type that cannot stand there";
    "R0307" "sql-unknown-enum-value" SqlUnknownEnumValue = Error, "a piece of SQL has a text that is no value of its enum type";
    "R0308" "sql-not-allowed-here" SqlNotAllowedHere = Error, "a sub-select, an aggregate or the like stands where Postgres takes none";
    "R0309" "sql-not-immutable" SqlNotImmutable = Error, "an index or a generated column calls a function that is not immutable";

    // R04: hazards.
    "R0400" "unused-allow" UnusedAllow = Hazard(LintLevel::Warn), "a migration accepts a hazard that it does not have";
    "R0401" "transaction-control" TransactionControl = Hazard(LintLevel::Deny), "`custom` SQL ends the transaction that it runs in";
    "R0402" "not-in-transaction" NotInTransaction = Hazard(LintLevel::Deny), "`custom` SQL has a statement that cannot run in a transaction";
    "R0403" "own-objects" OwnObjects = Hazard(LintLevel::Deny), "`custom` SQL changes what belongs to the migrator, or builds on it";
    "R0404" "session-switch" SessionSwitch = Hazard(LintLevel::Deny), "`custom` SQL switches to another role and not back";
    "R0405" "kept-setting" KeptSetting = Hazard(LintLevel::Warn), "`custom` SQL changes a setting for the rest of the session";
    "R0406" "no-lock-timeout" NoLockTimeout = Hazard(LintLevel::Warn), "`custom` SQL waits for locks without end";
    "R0407" "index-blocks-writes" IndexBlocksWrites = Hazard(LintLevel::Warn), "`custom` SQL builds an index while nobody can write the table";
    "R0408" "constraint-scan" ConstraintScan = Hazard(LintLevel::Warn), "`custom` SQL adds a constraint that is proven for every row under a lock";
    "R0409" "constraint-builds-index" ConstraintBuildsIndex = Hazard(LintLevel::Warn), "`custom` SQL adds a constraint whose index is built under an exclusive lock";
    "R0410" "not-null-scan" NotNullScan = Hazard(LintLevel::Warn), "`custom` SQL sets NOT NULL, which is proven for every row under an exclusive lock";
    "R0411" "table-rewrite" TableRewrite = Hazard(LintLevel::Warn), "`custom` SQL writes a whole table anew under an exclusive lock";
    "R0412" "add-column-rewrite" AddColumnRewrite = Hazard(LintLevel::Warn), "`custom` SQL adds a column that makes Postgres write the whole table anew";
    "R0413" "drop-while-in-use" DropWhileInUse = Hazard(LintLevel::Warn), "`custom` SQL drops what the old version still uses";
    "R0414" "hidden-rename" HiddenRename = Hazard(LintLevel::Warn), "`custom` SQL renames what the migrations go on calling by its old name";
    "R0415" "explicit-lock" ExplicitLock = Hazard(LintLevel::Warn), "`custom` SQL locks a whole table";
    "R0416" "truncate-while-in-use" TruncateWhileInUse = Hazard(LintLevel::Warn), "`custom` SQL empties a table that clients use";
    "R0417" "unbounded-write" UnboundedWrite = Hazard(LintLevel::Warn), "`custom` SQL writes every row of a table in one transaction";
    "R0418" "drop-cascade" DropCascade = Hazard(LintLevel::Warn), "`custom` SQL drops what it does not name";
    "R0419" "disabled-triggers" DisabledTriggers = Hazard(LintLevel::Warn), "`custom` SQL keeps triggers from firing, among them those that translate between versions";
    "R0420" "refresh-blocks-reads" RefreshBlocksReads = Hazard(LintLevel::Warn), "`custom` SQL refreshes a materialised view while nobody can read it";
    "R0421" "new-enum-value-used" NewEnumValueUsed = Hazard(LintLevel::Warn), "`custom` SQL uses a value of an enum type in the transaction that adds it";
    "R0422" "changes-migrated-table" MigratedTable = Hazard(LintLevel::Warn), "`custom` SQL changes a table whose columns other actions of the same migration change";
    "R0423" "narrower-type" NarrowerType = Hazard(LintLevel::Warn), "a column gets a type that does not hold all of its values";

    // R05: the lock file.
    "R0501" "lock-edited" LockEdited = Error, "a migration does something else than when it was locked";
    "R0502" "lock-renamed" LockRenamed = Error, "a migration has another name than when it was locked";
    "R0503" "lock-reordered" LockReordered = Error, "a migration stands in another place than when it was locked";
    "R0504" "lock-inserted" LockInserted = Error, "a new migration comes before one that is locked";
    "R0505" "lock-deleted" LockDeleted = Error, "a migration that is locked is gone";
    "R0506" "lock-broken" LockBroken = Error, "the lock file was merged wrongly or changed by hand";
    "R0507" "lock-missing" LockMissing = Error, "there is no lock file, and there must be one";

    // R06: queries in Rust code.
    "R0601" "query-statement" QueryStatement = Error, "a `query!` is not one statement that can be checked";
    "R0602" "query-parameters" QueryParameters = Error, "a `query!` gets another number of parameters than its statement has";
    "R0603" "query-field-name" QueryFieldName = Error, "a column that a `query!` gives has no name that a field can have";
    "R0604" "query-field-type" QueryFieldType = Error, "a column that a `query!` gives has no Rust type that is certain";
    "R0605" "query-row-type" QueryRowType = Error, "a `query!(as …)` does not give the rows that the type is made of";
    "R0606" "query-missing-value" QueryMissingValue = Error, "a `query!` gives no value to a column that must have one";
    "R0607" "query-generated-column" QueryGeneratedColumn = Error, "a `query!` gives a value to a generated column";
    "R0608" "query-value-count" QueryValueCount = Error, "a `query!` has another number of values than of columns";
    "R0609" "query-conflict-target" QueryConflictTarget = Error, "the ON CONFLICT of a `query!` is about no unique key";
    "R0610" "query-ungrouped-column" QueryUngroupedColumn = Error, "a `query!` names a column that is neither grouped nor in an aggregate";
    "R0611" "query-type-schema" QueryTypeSchema = Error, "a `query!` names an enum type that is not on the `search_path`";
    "R0612" "query-parameter-type" QueryParameterType = Error, "a `query!` gets a value of a Rust type that its parameter cannot have";

    // R07: checks on a live database.
    "R0701" "live-start" LiveStart = Error, "a migration cannot be started on a server";
    "R0702" "live-rows" LiveRows = Hazard(LintLevel::Warn), "a migration cannot be started while a table has certain rows";
    "R0703" "live-clients" LiveClients = Error, "a client of a live version cannot read or write";
    "R0704" "live-abort" LiveAbort = Error, "a rollback does not leave the database as it was, or cannot be repeated";
    "R0705" "live-complete" LiveComplete = Error, "a migration cannot be completed on a server, or leaves something behind";
}

impl Rule {
    /// The rule with that id or name, in either case; `_` in a name is as good as `-`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.replace('_', "-");
        let is = |rule: &&Self| {
            rule.id().eq_ignore_ascii_case(&text) || rule.name().eq_ignore_ascii_case(&text)
        };
        Self::ALL.iter().find(is).copied()
    }

    /// Whether it is a hazard, which has a level.
    pub const fn is_hazard(self) -> bool {
        matches!(self.class(), Hazard(_))
    }

    /// What becomes of it unless something else is said: errors are always denied.
    pub const fn level(self) -> LintLevel {
        match self.class() {
            Error => LintLevel::Deny,
            Hazard(level) => level,
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_names_are_unique_and_in_kebab_case() {
        for pair in Rule::ALL.windows(2) {
            assert!(pair[0].id() < pair[1].id(), "{} before {}", pair[0], pair[1]);
        }
        for rule in Rule::ALL {
            let digits = rule.id().strip_prefix('R').unwrap_or_default();
            assert!(digits.len() == 4 && digits.parse::<u16>().is_ok(), "{rule}");
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(rule.name().chars().all(plain), "{}", rule.name());
            assert_eq!(Rule::ALL.iter().filter(|r| r.name() == rule.name()).count(), 1, "{rule}");
            assert!(!rule.summary().ends_with('.') && !rule.summary().is_empty(), "{rule}");
        }
    }

    #[test]
    fn a_rule_is_found_by_its_id_and_by_its_name() {
        for rule in Rule::ALL {
            assert_eq!(Rule::parse(rule.id()), Some(*rule));
            assert_eq!(Rule::parse(&rule.name().replace('-', "_").to_uppercase()), Some(*rule));
        }
        assert_eq!(Rule::parse("r0201"), Some(Rule::UnknownTable));
        assert_eq!(Rule::parse("R9999"), None);
    }
}
