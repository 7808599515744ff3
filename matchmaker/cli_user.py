"""The commands that look after accounts; they act as the system, so whoever gives them needs no account."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from .cli_steps import application
from .errors import Invalid

_ROLES = "member, moderator, matchmaker or administrator"


@click.group()
def user() -> None:
    """Make accounts and look after them."""


@user.command()
@click.argument("email")
@click.option("--role", default="member", show_default=True, help=f"What the person may do: {_ROLES}.")
@click.option("--name", default="", help="The person's name, as others see it.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin instead of asking for it.")
def create(email: str, role: str, name: str, password_stdin: bool) -> None:
    """Make an account; its address counts as confirmed.

    The password is asked for twice and not shown. Staff (every role but member) set up their
    second factor when they sign in for the first time.

    \b
      matchmaker user create amina@example.org --role administrator --name "Amina Otieno"
    """
    from flask_security import hash_password

    from .policy import SYSTEM
    from .services import accounts
    from .text import one_line

    with application():
        email = _address(email)
        accounts.check_new(email, role)
        password = _normal(_read() if password_stdin else _ask(), email, name)
        made = accounts.create(SYSTEM, email, one_line(name), role, hash_password(password))
        click.echo(f"account {made.id} for {made.email}, role {made.role}")


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_(as_json: bool) -> None:
    """List all accounts: address, role, organisation, and what they lack."""
    from .services import accounts

    with application():
        for one in accounts.everybody():
            organisation = one.organisation.name if one.organisation else None
            confirmed, second_factor = one.confirmed_at is not None, one.tf_primary_method is not None
            if as_json:
                row = {"id": one.id, "email": one.email, "name": one.name, "role": one.role}
                row |= {"organisation": organisation, "confirmed": confirmed, "second_factor": second_factor}
                click.echo(json.dumps(row, ensure_ascii=False))
                continue
            lacks = [] if confirmed else ["not confirmed"]
            lacks += [] if second_factor else ["no second factor"]
            click.echo(", ".join([f"{one.email} {one.role}", *([organisation] if organisation else []), *lacks]))


@user.command()
@click.argument("email")
@click.argument("role")
def role(email: str, role: str) -> None:
    """Give an account another role: member, moderator, matchmaker or administrator. Its sign-ins end."""
    from .policy import SYSTEM
    from .services import accounts

    with application():
        changed = accounts.change_role(SYSTEM, accounts.named(email).id, role)
        click.echo(f"{changed.email} has the role {changed.role}")


@user.command("reset-second-factor")
@click.argument("email")
def reset_second_factor(email: str) -> None:
    """Forget a lost second factor and its recovery codes; its sign-ins end.

    Make sure first that it is the person who asks: their password alone then opens the account.
    Staff set up a new second factor when they sign in next.
    """
    from .policy import SYSTEM
    from .services import accounts

    with application():
        found = accounts.named(email)
        accounts.reset_second_factor(SYSTEM, found.id)
        click.echo(f"{found.email} has no second factor any more")


def _security() -> Any:
    from flask import current_app

    return current_app.extensions["security"]


def _address(written: str) -> str:
    """The address as accounts have it. Raises Invalid."""
    from flask_security import EmailValidateException

    try:
        return str(_security().mail_util.validate(written))
    except EmailValidateException as error:
        raise Invalid(f"{written!r} is no e-mail address. Write it whole, such as name@example.org.") from error


def _ask() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True))


def _read() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _normal(password: str, email: str, name: str) -> str:
    """The password as it is hashed, by the rules of the pages. Raises Invalid."""
    wrong, normal = _security().password_util.validate(password, True, email=email, name=name)
    if wrong:
        raise Invalid(" ".join(wrong))
    return str(normal)
