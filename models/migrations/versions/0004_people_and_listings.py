"""people, moderation, versions, pictures, mail and imports

Accounts by Flask-Security with sessions that can be ended; the outbox owes more than an index now.

Revision ID: 0004
Revises: 0003

"""
import hashlib
import json

from alembic import op
import sqlalchemy as sa


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

# SQLite can add neither a constraint nor a column that must be filled: there the tables are made anew, with these
# lines before their first constraint.
_ORGANISATION = """\timport_key VARCHAR(64),
\tversion INTEGER NOT NULL,
\tverified_at DATETIME,
\tverified_checks JSON NOT NULL,
\tverified_by_id INTEGER,
\tCONSTRAINT ck_organisation_verified_whole CHECK ((verified_at IS NULL) = (verified_by_id IS NULL)),
\tCONSTRAINT uq_organisation_import_key UNIQUE (import_key),
"""
_USER = """\towner BOOLEAN NOT NULL,
\tlocale VARCHAR(16),
\tpassword VARCHAR(255),
\tfs_uniquifier VARCHAR(64) NOT NULL,
\tconfirmed_at DATETIME,
\ttf_primary_method VARCHAR(64),
\ttf_totp_secret VARCHAR(255),
\ttf_last_counter BIGINT,
\tmf_recovery_codes JSON NOT NULL,
\tCONSTRAINT ck_user_account_owner_of_something CHECK (NOT owner OR organisation_id IS NOT NULL),
\tCONSTRAINT uq_user_account_fs_uniquifier UNIQUE (fs_uniquifier),
"""
_LISTING = """\tcreated_by_id INTEGER,
\timport_id INTEGER,
\treminded_at DATETIME,
\treviewed_version INTEGER,
\tclaimed_by_id INTEGER,
\tclaimed_at DATETIME,
\tCONSTRAINT fk_listing_created_by_id_user_account FOREIGN KEY(created_by_id) REFERENCES user_account (id) ON DELETE SET NULL,
\tCONSTRAINT fk_listing_import_id_import FOREIGN KEY(import_id) REFERENCES import (id) ON DELETE SET NULL,
\tCONSTRAINT fk_listing_claimed_by_id_user_account FOREIGN KEY(claimed_by_id) REFERENCES user_account (id) ON DELETE SET NULL,
"""
_KEYS = {
    name: ('\tid INTEGER NOT NULL, \n', f'\tid INTEGER NOT NULL CONSTRAINT pk_{name} PRIMARY KEY AUTOINCREMENT, \n',
           f'\tCONSTRAINT pk_{name} PRIMARY KEY (id), \n')
    for name in ('organisation', 'user_account')
}
_TOPIC = "CHECK (topic IN ('index'))"
_TOPICS = "CHECK (topic IN ('index', 'mail', 'import'))"


def upgrade() -> None:
    _tables()
    if op.get_bind().dialect.name == 'sqlite':
        _add('organisation', _ORGANISATION, version='1', verified_checks="'[]'")
        _add('user_account', _USER, owner='0', fs_uniquifier='lower(hex(randomblob(16)))', mf_recovery_codes="'[]'")
        _add('listing', _LISTING)
        _make_anew('outbox', [(_TOPIC, _TOPICS)], {})
        op.execute('ALTER TABLE outbox RENAME COLUMN listing_id TO thing_id')
    else:
        _columns()
    op.drop_index(op.f('ix_outbox_listing_id'), table_name='outbox')
    op.create_index(op.f('ix_outbox_thing_id'), 'outbox', ['thing_id'], unique=False)
    op.create_index(op.f('ix_listing_created_by_id'), 'listing', ['created_by_id'], unique=False)
    op.create_index(op.f('ix_listing_import_id'), 'listing', ['import_id'], unique=False)
    op.create_index(op.f('ix_listing_status_reviewed_version'), 'listing', ['status', 'reviewed_version'], unique=False)
    _name_imported()


def downgrade() -> None:
    op.drop_index(op.f('ix_listing_status_reviewed_version'), table_name='listing')
    op.drop_index(op.f('ix_listing_import_id'), table_name='listing')
    op.drop_index(op.f('ix_listing_created_by_id'), table_name='listing')
    op.drop_index(op.f('ix_outbox_thing_id'), table_name='outbox')
    op.execute("DELETE FROM outbox WHERE topic <> 'index'")
    if op.get_bind().dialect.name == 'sqlite':
        op.execute('ALTER TABLE outbox RENAME COLUMN thing_id TO listing_id')
        _make_anew('outbox', [(_TOPICS, _TOPIC)], {})
        _remove('listing', _LISTING)
        _remove('user_account', _USER)
        _remove('organisation', _ORGANISATION)
    else:
        _no_columns()
    op.create_index(op.f('ix_outbox_listing_id'), 'outbox', ['listing_id'], unique=False)
    for name in ('listing_version', 'image', 'decision', 'user_session', 'import', 'invitation', 'mail'):
        op.drop_table(name)


def _name_imported() -> None:
    """Every organisation so far came with an import, which must find it again; of two alike, the one it found."""
    connection = op.get_bind()
    found = connection.execute(sa.text('SELECT id, name, country FROM organisation ORDER BY id'))
    keys: dict[str, int] = {}
    for row in found.all():
        key = hashlib.sha256(json.dumps([row.name, row.country]).encode()).hexdigest()
        keys.setdefault(key, row.id)
    if keys:
        named = sa.text('UPDATE organisation SET import_key = :key WHERE id = :id')
        connection.execute(named, [{'key': key, 'id': id} for key, id in keys.items()])


def _add(name: str, lines: str, **values: str) -> None:
    """Columns and constraints for a table of SQLite; `values` fill the columns that must not be empty."""
    changes = [('\tCONSTRAINT ', lines + '\tCONSTRAINT ')]
    if name in _KEYS:
        plain, used_once, key = _KEYS[name]
        changes = [(key, lines), (plain, used_once)]
    _make_anew(name, changes, values)
    if name in _KEYS:
        # Numbers that were given before count too.
        op.execute(f"DELETE FROM sqlite_sequence WHERE name = '{name}'")
        op.execute(f"INSERT INTO sqlite_sequence (name, seq) SELECT '{name}', coalesce(max(id), 0) FROM {name}")


def _remove(name: str, lines: str) -> None:
    changes = [(lines, '')]
    if name in _KEYS:
        plain, used_once, key = _KEYS[name]
        changes = [(lines, key), (used_once, plain)]
    _make_anew(name, changes, {})


def _make_anew(name: str, changes: list[tuple[str, str]], values: dict[str, str]) -> None:
    """Copy a table of SQLite into one whose definition has the changes. Foreign keys are off while migrations run."""
    connection = op.get_bind()
    found = connection.exec_driver_sql(
        f"SELECT type, sql FROM sqlite_master WHERE tbl_name = '{name}' AND sql IS NOT NULL"
    ).all()
    before = _column_names(name)
    table = next(sql for kind, sql in found if kind == 'table')
    for old, new in changes:
        assert old in table, old
        table = table.replace(old, new, 1)
    start = table.index('(')
    connection.exec_driver_sql(f'CREATE TABLE "{name}_copied" {table[start:]}')
    kept = [column for column in _column_names(f'{name}_copied') if column in before]
    columns = ', '.join(f'"{column}"' for column in [*kept, *values])
    filled = ', '.join([*(f'"{column}"' for column in kept), *values.values()])
    connection.exec_driver_sql(f'INSERT INTO "{name}_copied" ({columns}) SELECT {filled} FROM "{name}"')
    connection.exec_driver_sql(f'DROP TABLE "{name}"')
    connection.exec_driver_sql(f'ALTER TABLE "{name}_copied" RENAME TO "{name}"')
    for kind, sql in found:
        if kind != 'table':
            connection.exec_driver_sql(sql)


def _column_names(name: str) -> list[str]:
    return [row[1] for row in op.get_bind().exec_driver_sql(f"PRAGMA table_info('{name}')")]


def _tables() -> None:
    op.create_table('mail',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('message_id', sa.String(length=128), nullable=False),
    sa.Column('recipient', sa.String(length=254), nullable=False),
    sa.Column('subject', sa.String(length=256), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('html', sa.Text(), nullable=True),
    sa.Column('headers', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail')),
    sa.UniqueConstraint('message_id', name=op.f('uq_mail_message_id'))
    )
    op.create_table('invitation',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('owner', sa.Boolean(), nullable=False),
    sa.Column('key_hash', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('email = lower(email)', name=op.f('ck_invitation_email_lower')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_invitation_organisation_id_organisation'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitation')),
    sa.UniqueConstraint('key_hash', name=op.f('uq_invitation_key_hash')),
    sa.UniqueConstraint('organisation_id', 'email', name=op.f('uq_invitation_organisation_id_email'))
    )
    op.create_index(op.f('ix_invitation_email'), 'invitation', ['email'], unique=False)
    op.create_table('import',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('organisation_id', sa.Integer(), nullable=True),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('status', sa.String(length=8), nullable=False),
    sa.Column('file_name', sa.String(length=256), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=True),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('added', sa.Integer(), nullable=False),
    sa.Column('changed', sa.Integer(), nullable=False),
    sa.Column('failed', sa.Integer(), nullable=False),
    sa.Column('problems', sa.JSON(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('offer', 'need')", name=op.f('ck_import_kind_known')),
    sa.CheckConstraint("status IN ('checked', 'waiting', 'running', 'done', 'failed', 'undone')", name=op.f('ck_import_status_known')),
    sa.CheckConstraint('done <= total', name=op.f('ck_import_done_within_total')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_import_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_import_user_id_user_account'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import'))
    )
    op.create_index(op.f('ix_import_organisation_id'), 'import', ['organisation_id'], unique=False)
    op.create_index(op.f('ix_import_user_id'), 'import', ['user_id'], unique=False)
    op.create_table('user_session',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('key_hash', sa.String(length=64), nullable=False),
    sa.Column('agent', sa.String(length=256), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_user_session_user_id_user_account'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_session')),
    sa.UniqueConstraint('key_hash', name=op.f('uq_user_session_key_hash'))
    )
    op.create_index(op.f('ix_user_session_user_id'), 'user_session', ['user_id'], unique=False)
    op.create_table('decision',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('listing_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('verdict', sa.String(length=16), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('decided_by_id', sa.Integer(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("verdict IN ('approve', 'request_changes', 'reject', 'undo')", name=op.f('ck_decision_verdict_known')),
    sa.ForeignKeyConstraint(['decided_by_id'], ['user_account.id'], name=op.f('fk_decision_decided_by_id_user_account'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['listing_id'], ['listing.id'], name=op.f('fk_decision_listing_id_listing'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_decision'))
    )
    op.create_index(op.f('ix_decision_decided_at'), 'decision', ['decided_at'], unique=False)
    op.create_index(op.f('ix_decision_listing_id'), 'decision', ['listing_id'], unique=False)
    op.create_table('image',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=32), nullable=False),
    sa.Column('listing_id', sa.Integer(), nullable=True),
    sa.Column('organisation_id', sa.Integer(), nullable=True),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('alternative', sa.String(length=256), nullable=False),
    sa.Column('media_type', sa.String(length=32), nullable=False),
    sa.Column('width', sa.Integer(), nullable=False),
    sa.Column('height', sa.Integer(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(listing_id IS NULL) <> (organisation_id IS NULL)', name=op.f('ck_image_one_owner')),
    sa.CheckConstraint('width > 0 AND height > 0', name=op.f('ck_image_size_positive')),
    sa.ForeignKeyConstraint(['listing_id'], ['listing.id'], name=op.f('fk_image_listing_id_listing'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_image_organisation_id_organisation'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_image')),
    sa.UniqueConstraint('key', name=op.f('uq_image_key')),
    sa.UniqueConstraint('organisation_id', name=op.f('uq_image_organisation_id'))
    )
    op.create_index(op.f('ix_image_listing_id'), 'image', ['listing_id'], unique=False)
    op.create_table('listing_version',
    sa.Column('listing_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('values', sa.JSON(), nullable=False),
    sa.Column('replaced_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('replaced_by_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['listing_id'], ['listing.id'], name=op.f('fk_listing_version_listing_id_listing'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('listing_id', 'version', name=op.f('pk_listing_version'))
    )

def _columns() -> None:
    """The same on PostgreSQL, which can change its tables in place."""
    for table, column, fill in (
        ('organisation', sa.Column('import_key', sa.String(length=64), nullable=True), None),
        ('organisation', sa.Column('version', sa.Integer(), nullable=False), '1'),
        ('organisation', sa.Column('verified_at', sa.DateTime(timezone=True), nullable=True), None),
        ('organisation', sa.Column('verified_checks', sa.JSON(), nullable=False), "'[]'"),
        ('organisation', sa.Column('verified_by_id', sa.Integer(), nullable=True), None),
        ('user_account', sa.Column('owner', sa.Boolean(), nullable=False), 'false'),
        ('user_account', sa.Column('locale', sa.String(length=16), nullable=True), None),
        ('user_account', sa.Column('password', sa.String(length=255), nullable=True), None),
        ('user_account', sa.Column('fs_uniquifier', sa.String(length=64), nullable=False),
         "replace(gen_random_uuid()::text, '-', '')"),
        ('user_account', sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True), None),
        ('user_account', sa.Column('tf_primary_method', sa.String(length=64), nullable=True), None),
        ('user_account', sa.Column('tf_totp_secret', sa.String(length=255), nullable=True), None),
        ('user_account', sa.Column('tf_last_counter', sa.BigInteger(), nullable=True), None),
        ('user_account', sa.Column('mf_recovery_codes', sa.JSON(), nullable=False), "'[]'"),
        ('listing', sa.Column('created_by_id', sa.Integer(), nullable=True), None),
        ('listing', sa.Column('import_id', sa.Integer(), nullable=True), None),
        ('listing', sa.Column('reminded_at', sa.DateTime(timezone=True), nullable=True), None),
        ('listing', sa.Column('reviewed_version', sa.Integer(), nullable=True), None),
        ('listing', sa.Column('claimed_by_id', sa.Integer(), nullable=True), None),
        ('listing', sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=True), None),
    ):
        column.server_default = sa.DefaultClause(sa.text(fill)) if fill else None
        op.add_column(table, column)
        if fill:
            op.alter_column(table, column.name, server_default=None)
    op.create_check_constraint(
        op.f('ck_organisation_verified_whole'), 'organisation', '(verified_at IS NULL) = (verified_by_id IS NULL)'
    )
    op.create_unique_constraint(op.f('uq_organisation_import_key'), 'organisation', ['import_key'])
    op.create_check_constraint(
        op.f('ck_user_account_owner_of_something'), 'user_account', 'NOT owner OR organisation_id IS NOT NULL'
    )
    op.create_unique_constraint(op.f('uq_user_account_fs_uniquifier'), 'user_account', ['fs_uniquifier'])
    for name, table in (('created_by_id', 'user_account'), ('import_id', 'import'), ('claimed_by_id', 'user_account')):
        op.create_foreign_key(
            op.f(f'fk_listing_{name}_{table}'), 'listing', table, [name], ['id'], ondelete='SET NULL'
        )
    op.drop_constraint(op.f('ck_outbox_topic_known'), 'outbox', type_='check')
    op.create_check_constraint(op.f('ck_outbox_topic_known'), 'outbox', "topic IN ('index', 'mail', 'import')")
    op.alter_column('outbox', 'listing_id', new_column_name='thing_id')


def _no_columns() -> None:
    op.alter_column('outbox', 'thing_id', new_column_name='listing_id')
    op.drop_constraint(op.f('ck_outbox_topic_known'), 'outbox', type_='check')
    op.create_check_constraint(op.f('ck_outbox_topic_known'), 'outbox', "topic IN ('index')")
    for table, columns in (
        ('listing', ('claimed_at', 'claimed_by_id', 'reviewed_version', 'reminded_at', 'import_id', 'created_by_id')),
        ('user_account', ('mf_recovery_codes', 'tf_last_counter', 'tf_totp_secret', 'tf_primary_method',
                          'confirmed_at', 'fs_uniquifier', 'password', 'locale', 'owner')),
        ('organisation', ('verified_by_id', 'verified_checks', 'verified_at', 'version', 'import_key')),
    ):
        for column in columns:
            op.drop_column(table, column)
