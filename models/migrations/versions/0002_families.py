"""families of near-duplicates

Revision ID: 0002
Revises: 0001

"""
from alembic import op
import sqlalchemy as sa


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('embedding') as batch_op:
        batch_op.add_column(sa.Column('family', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('repeats_id', sa.Integer(), nullable=True))
    # Everybody is alone until the text changes; a number of the sequence is nobody else's.
    op.execute('UPDATE embedding SET family = seq WHERE vector IS NOT NULL')
    with op.batch_alter_table('embedding') as batch_op:
        batch_op.create_index(batch_op.f('ix_embedding_family'), ['family'], unique=False)
        batch_op.create_check_constraint('vector_in_family', '(vector IS NULL) = (family IS NULL)')


def downgrade() -> None:
    with op.batch_alter_table('embedding') as batch_op:
        batch_op.drop_constraint(op.f('ck_embedding_vector_in_family'), type_='check')
        batch_op.drop_index(batch_op.f('ix_embedding_family'))
        batch_op.drop_column('repeats_id')
        batch_op.drop_column('family')
