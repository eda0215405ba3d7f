// Written by reshape-build from the migration files.
#[allow(unused_imports)]
use ::std::borrow::Cow::Borrowed as B;
#[allow(unused_imports)]
use ::std::option::Option::{None as N, Some as S};
#[allow(unused_imports)]
use __rt::model::{self as m, Action as A};
pub(super) const ACTIONS_0: &[A] = &[
    A::CreateEnum(m::CreateEnum{name:B("mood"),values:B(&[B("happy"),B("it's \"fine\""),B("größe"),]),}),
    A::CreateTable(m::CreateTable{name:B("users"),schema:N,columns:B(&[m::Column{name:B("id"),data_type:B("bigint"),nullable:true,default:N,generated:S(B("ALWAYS AS IDENTITY")),comment:N,},m::Column{name:B("name"),data_type:B("text"),nullable:false,default:S(B("'nobody'")),generated:N,comment:S(B("As they wrote it")),},m::Column{name:B("email"),data_type:B("varchar(100)"),nullable:true,default:N,generated:N,comment:N,},m::Column{name:B("mood"),data_type:B("mood"),nullable:true,default:N,generated:N,comment:N,},m::Column{name:B("name_length"),data_type:B("int"),nullable:true,default:N,generated:S(B("ALWAYS AS (length(name)) STORED")),comment:N,},]),primary_key:B(&[B("id"),]),foreign_keys:B(&[]),checks:B(&[]),comment:S(B("People who \"shop\"")),up:N,}),
    A::CreateTable(m::CreateTable{name:B("orders"),schema:N,columns:B(&[m::Column{name:B("user_id"),data_type:B("bigint"),nullable:true,default:N,generated:N,comment:N,},m::Column{name:B("number"),data_type:B("int"),nullable:true,default:N,generated:N,comment:N,},m::Column{name:B("total"),data_type:B("numeric(10, 2)"),nullable:false,default:N,generated:N,comment:N,},]),primary_key:B(&[B("user_id"),B("number"),]),foreign_keys:B(&[m::ForeignKey{columns:B(&[B("user_id"),]),referenced_table:B("users"),referenced_schema:N,referenced_columns:B(&[B("id"),]),on_delete:S(m::ReferentialAction::Cascade),on_update:S(m::ReferentialAction::NoAction),},]),checks:B(&[m::Check{name:S(B("total_positive")),expression:B("total >= 0"),},m::Check{name:N,expression:B("number > 0"),},]),comment:N,up:N,}),
    A::AddIndex(m::AddIndex{table:B("users"),schema:N,index:m::Index{name:B("users_name"),columns:B(&[m::IndexColumn::Name(B("name")),m::IndexColumn::Column{column:B("email"),direction:S(m::Direction::Desc),nulls:S(m::Nulls::Last),},m::IndexColumn::Expression{expression:B("lower(name)"),direction:S(m::Direction::Asc),nulls:N,},]),unique:true,method:S(m::IndexMethod::Btree),predicate:S(B("email IS NOT NULL")),},}),
];
pub(super) const ACTIONS_1: &[A] = &[
    A::CreateTable(m::CreateTable{name:B("profiles"),schema:N,columns:B(&[m::Column{name:B("user_id"),data_type:B("bigint"),nullable:true,default:N,generated:N,comment:N,},m::Column{name:B("user_email"),data_type:B("text"),nullable:true,default:N,generated:N,comment:N,},]),primary_key:B(&[B("user_id"),]),foreign_keys:B(&[]),checks:B(&[]),comment:N,up:S(m::TableUp{table:B("users"),schema:N,values:B(&[(B("user_email"),B("users.email")),(B("user_id"),B("users.id")),]),condition:S(B("users.email IS NOT NULL")),upsert_constraint:N,}),}),
    A::AddColumn(m::AddColumn{table:B("users"),schema:N,column:m::Column{name:B("first_name"),data_type:B("text"),nullable:true,default:N,generated:N,comment:N,},up:S(m::Transform::Expression(B("CASE\n  WHEN name = '' THEN NULL\n  ELSE split_part(name, ' ', 1)\nEND"))),}),
    A::AddColumn(m::AddColumn{table:B("users"),schema:N,column:m::Column{name:B("profile_email"),data_type:B("text"),nullable:true,default:N,generated:N,comment:N,},up:S(m::Transform::Table{table:B("profiles"),schema:N,value:B("profiles.user_email"),condition:B("profiles.user_id = users.id"),}),}),
    A::AlterColumn(m::AlterColumn{table:B("users"),schema:N,column:B("email"),up:S(m::Transform::Expression(B("coalesce(email, 'N/A')"))),down:S(m::Transform::Expression(B("email"))),changes:m::ColumnChanges{name:S(B("mail")),data_type:S(B("text")),nullable:S(false),default:S(B("'N/A'")),},}),
    A::AddForeignKey(m::AddForeignKey{table:B("profiles"),schema:N,foreign_key:m::ForeignKey{columns:B(&[B("user_id"),]),referenced_table:B("users"),referenced_schema:N,referenced_columns:B(&[B("id"),]),on_delete:N,on_update:N,},}),
    A::AddCheck(m::AddCheck{table:B("users"),schema:N,check:m::Check{name:S(B("name_is_short")),expression:B("length(name) < 100"),},}),
    A::Custom(m::Custom{start:S(B("SELECT 'start'")),complete:S(B("SELECT 'complete'")),abort:S(B("SELECT 'abort'")),reverts:S(m::Reverts{start:S(B("SELECT 'completed no more'")),complete:S(B("SELECT 'started no more'")),}),}),
];
pub(super) const ACTIONS_2: &[A] = &[
    A::RemoveCheck(m::RemoveCheck{table:B("users"),schema:N,check:B("name_is_short"),}),
    A::RemoveForeignKey(m::RemoveForeignKey{table:B("profiles"),schema:N,foreign_key:B("profiles_user_id_fkey"),}),
    A::RemoveIndex(m::RemoveIndex{index:B("users_name"),schema:N,}),
    A::RemoveColumn(m::RemoveColumn{table:B("users"),schema:N,column:B("mood"),down:S(m::Transform::Expression(B("'happy'"))),}),
    A::RemoveEnum(m::RemoveEnum{name:B("mood"),}),
    A::RenameTable(m::RenameTable{table:B("profiles"),schema:N,new_name:B("accounts"),}),
    A::RemoveTable(m::RemoveTable{table:B("orders"),schema:N,}),
];
pub(super) const ACTIONS_3: &[A] = &[
    A::CreateTable(m::CreateTable{name:B("invoices"),schema:S(B("billing")),columns:B(&[m::Column{name:B("id"),data_type:B("bigint"),nullable:true,default:N,generated:N,comment:N,},m::Column{name:B("user_id"),data_type:B("bigint"),nullable:true,default:N,generated:N,comment:N,},m::Column{name:B("total"),data_type:B("numeric"),nullable:true,default:N,generated:N,comment:N,},]),primary_key:B(&[B("id"),]),foreign_keys:B(&[m::ForeignKey{columns:B(&[B("user_id"),]),referenced_table:B("users"),referenced_schema:S(B("public")),referenced_columns:B(&[B("id"),]),on_delete:N,on_update:N,},]),checks:B(&[]),comment:N,up:S(m::TableUp{table:B("accounts"),schema:S(B("public")),values:B(&[(B("id"),B("user_id")),(B("total"),B("0")),(B("user_id"),B("user_id")),]),condition:N,upsert_constraint:N,}),}),
    A::AddColumn(m::AddColumn{table:B("invoices"),schema:S(B("billing")),column:m::Column{name:B("mail"),data_type:B("text"),nullable:true,default:N,generated:N,comment:N,},up:S(m::Transform::Table{table:B("users"),schema:S(B("public")),value:B("users.mail"),condition:B("users.id = invoices.user_id"),}),}),
    A::AlterColumn(m::AlterColumn{table:B("invoices"),schema:S(B("billing")),column:B("mail"),up:N,down:N,changes:m::ColumnChanges{name:S(B("email")),data_type:N,nullable:N,default:N,},}),
    A::AddIndex(m::AddIndex{table:B("invoices"),schema:S(B("billing")),index:m::Index{name:B("users_name"),columns:B(&[m::IndexColumn::Name(B("email")),]),unique:false,method:N,predicate:N,},}),
    A::AddCheck(m::AddCheck{table:B("invoices"),schema:S(B("billing")),check:m::Check{name:S(B("owed")),expression:B("total >= 0"),},}),
    A::RemoveCheck(m::RemoveCheck{table:B("invoices"),schema:S(B("billing")),check:B("owed"),}),
    A::RemoveForeignKey(m::RemoveForeignKey{table:B("invoices"),schema:S(B("billing")),foreign_key:B("invoices_user_id_fkey"),}),
    A::AddForeignKey(m::AddForeignKey{table:B("invoices"),schema:S(B("billing")),foreign_key:m::ForeignKey{columns:B(&[B("user_id"),]),referenced_table:B("users"),referenced_schema:S(B("public")),referenced_columns:B(&[B("id"),]),on_delete:N,on_update:N,},}),
    A::RemoveIndex(m::RemoveIndex{index:B("users_name"),schema:S(B("billing")),}),
    A::RemoveColumn(m::RemoveColumn{table:B("invoices"),schema:S(B("billing")),column:B("email"),down:N,}),
    A::RenameTable(m::RenameTable{table:B("invoices"),schema:S(B("billing")),new_name:B("bills"),}),
    A::RemoveTable(m::RemoveTable{table:B("bills"),schema:S(B("billing")),}),
];
pub(super) const BASELINE: &[A] = &[
];
pub(super) const MIGRATIONS: &[m::Migration] = &[
    m::Migration{name:B("0001_shop"),description:S(B("Everything that create_table can say")),checksum:B("d0f9f573668c68ff8eaf22825ae3804a37cdac1179426f85a49a539b6bf0c009"),actions:B(ACTIONS_0),allow:B(&[]),requires:B(&[])},
    m::Migration{name:B("0002_change"),description:N,checksum:B("ce0f266cc92ce6f193252244885c9e344d73e8eb009c0ff8eccb6703417a3c42"),actions:B(ACTIONS_1),allow:B(&[m::Allow{lint:m::Lint::RowSecurityBypass,reason:B("only the service reads these tables"),},]),requires:B(&[])},
    m::Migration{name:B("0003 with another name"),description:N,checksum:B("d3c72fef1869877a043c2d5eac1294ab42d229cd305eaf3a39267b36fcae7453"),actions:B(ACTIONS_2),allow:B(&[]),requires:B(&[])},
    m::Migration{name:B("0004_schemas"),description:N,checksum:B("e69be0e36cb106a47e64927aef7520121c47c88bdf7e7c00199dce5fabdc16e6"),actions:B(ACTIONS_3),allow:B(&[]),requires:B(&[])},
];
