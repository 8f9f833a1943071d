/* What the files of record share. Internal to repository/. */
#pragma once

#include "base/json.h"
#include "repository/fields.h"
#include "repository/record.h"

#define RECORD_ENCRYPTION_FORMAT "age-encryption.org/v1"
#define RECORD_DATASTORE "oracle"

enum { RECORD_TAR_BLOCK = 512 };

/* Names to values; false when there is no such name. */
bool member_kind_from_name(const char *name, MemberKind *ret);
bool piece_contents_from_name(const char *name, PieceContents *ret);

/* record-print-database.c */
Json *record_database_json(const RecordDatabase *database);
/* record-parse-database.c */
void record_database_parse(Fields *fields, RecordDatabase *ret);
/* record-check.c: what single fields cannot say: members against each other, sizes, names. */
void record_check(Fields *fields, const Record *record);
