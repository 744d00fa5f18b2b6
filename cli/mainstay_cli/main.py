"""The `mainstay` command: a few words of its own, and every command of the API.

What is its own (explain, incidents, demo, lab) is imported when it is called; any other word is looked up in the controller's listApis."""

from __future__ import annotations

from importlib import import_module

import click

from mainstay_cli.call import Asked, call, list_commands
from mainstay_cli.output import Style
from mainstay_cli.running import chosen_profile, run

OWN = {
    "explain": ("mainstay_cli.explain:explain", "Why is this virtual machine where it is?"),
    "incidents": ("mainstay_cli.incidents:incidents", "What failed, and what was done about it."),
    "demo": ("mainstay_cli.demo.commands:demo", "A cloud of simulated hosts to hurt."),
    "lab": ("mainstay_cli.lab.commands:lab", "A cloud of real hosts on this machine to hurt."),
}


class OwnWordsFirst(click.Group):
    """Own commands by name, imported when called; any other word begins a command of the API."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        if cmd_name not in OWN:
            return _api_command(cmd_name)
        module, _, name = OWN[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            told = [(name, command.get_short_help_str()) for name, command in self.commands.items()]
            formatter.write_dl([*told, *((name, help) for name, (_, help) in OWN.items())])


@click.group(cls=OwnWordsFirst)
@click.option("--profile", "-p", help="Which profile of ~/.config/mainstay/profiles.ini to use.")
@click.version_option(package_name="mainstay-cli")
def main(profile: str | None) -> None:
    """Ask a Mainstay controller, or show one at work.

    Any command of the API can be called: `mainstay list hosts state=Up`, `mainstay stopVirtualMachine id=...`;
    with --help it tells its parameters."""


@main.command()
@click.argument("containing", default="")
def apis(containing: str) -> None:
    """Commands of the API that you may call."""
    run(list_commands(chosen_profile(), containing))


def _api_command(first: str) -> click.Command:
    @click.command(name=first, add_help_option=False)
    @click.argument("words", nargs=-1)
    @click.option(
        "--output", "-o", type=click.Choice([style.value for style in Style]), default="table", show_default=True
    )
    @click.option("--columns", default="", help="Which columns a table shows: name,state,...")
    @click.option("--no-wait", is_flag=True, help="Do not wait for the job; tell its id.")
    @click.option("--help", "wants_help", is_flag=True, help="Tell the parameters of the command.")
    def api_command(words: tuple[str, ...], output: str, columns: str, no_wait: bool, wants_help: bool) -> None:
        asked = Asked(
            words=(first, *words),
            style=Style(output),
            columns=[column for column in columns.split(",") if column],
            waits=not no_wait,
            wants_help=wants_help,
        )
        run(call(asked, chosen_profile()))

    return api_command


if __name__ == "__main__":
    main()
