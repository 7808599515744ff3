"""numbers of deleted listings are not used again

PostgreSQL never does so; SQLite does unless told otherwise, and then what is written about the deleted listing
(audit, addresses, indexes) would seem to be about another one.

Revision ID: 0003
Revises: 0002

"""
from alembic import op


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

_PLAIN = '\tid INTEGER NOT NULL, '
_KEY = '\tCONSTRAINT pk_listing PRIMARY KEY (id), \n'
_USED_ONCE = '\tid INTEGER NOT NULL CONSTRAINT pk_listing PRIMARY KEY AUTOINCREMENT, '
_NEXT = '\tCONSTRAINT ck_listing_category_known '


def upgrade() -> None:
    if op.get_bind().dialect.name != 'sqlite':
        return
    _make_anew((_PLAIN, _USED_ONCE), (_KEY, ''))
    # What was deleted before counts too.
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'listing'")
    op.execute(
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'listing', max("
        "coalesce((SELECT max(id) FROM listing), 0), coalesce((SELECT max(listing_id) FROM embedding), 0),"
        " coalesce((SELECT max(thing_id) FROM audit WHERE thing_kind = 'listing'), 0))"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        _make_anew((_USED_ONCE, _PLAIN), (_NEXT, _KEY + _NEXT))


def _make_anew(*changes: tuple[str, str]) -> None:
    """SQLite cannot change a primary key in place: copy the table. Foreign keys are off while migrations run."""
    connection = op.get_bind()
    found = connection.exec_driver_sql(
        "SELECT type, sql FROM sqlite_master WHERE tbl_name = 'listing' AND sql IS NOT NULL"
    ).all()
    table = next(sql for kind, sql in found if kind == 'table')
    for before, after in changes:
        assert before in table
        table = table.replace(before, after, 1)
    name = table.index('listing')
    connection.exec_driver_sql(table[:name] + 'listing_copied' + table[name + len('listing'):])
    connection.exec_driver_sql('INSERT INTO listing_copied SELECT * FROM listing')
    connection.exec_driver_sql('DROP TABLE listing')
    connection.exec_driver_sql('ALTER TABLE listing_copied RENAME TO listing')
    for kind, sql in found:
        if kind != 'table':
            connection.exec_driver_sql(sql)
