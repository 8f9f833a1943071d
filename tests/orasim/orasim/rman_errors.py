"""What ends a command of RMAN."""


class RmanError(Exception):
    """Lines of a stack below RMAN-03002; `top` replaces that line (a channel's RMAN-03009); `name`
    is the command's name in it."""

    def __init__(self, *lines, top=None, name=None):
        super().__init__(lines[0] if lines else top)
        self.lines = list(lines)
        self.top = top
        self.name = name


def channel_error(channel, error, command="backup"):
    """A server error on a channel."""
    return RmanError(*error.lines,
                     top=f"RMAN-03009: failure of {command} command on {channel.name} channel at "
                         "{now}")
