"""Who plays, and how: a locustfile.

`make crowd` runs it; `locust -f examples/crowd/habits.py --host http://127.0.0.1:5000` does so with Locust's own page.
"""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from itertools import count
from math import log
from random import Random
from typing import ClassVar, Final

from locust import FastHttpUser, events, task

#: What a player may wish for, and the route that grants it.
VISIT, KNIFE, SWORD, GUILD = "/", "/purchase_a_knife", "/purchase_a_sword", "/join_guild"

#: How far pauses lie apart: two of three are between 0.55 and 1.8 times the usual one.
PAUSES_SPREAD: Final = 0.6
#: One act in so many is the last for a while: the player goes for a tea.
TEA: Final = 40
TEA_SECONDS: Final = (4.0, 12.0)


class Player(FastHttpUser):  # type: ignore[misc]  # Locust isn't installed where types are checked
    """One player, who comes by first, and then does what the habits say; the same seed gives the same player.

    Attributes:
        wishes: the routes, and how often each is asked for in comparison.
        usual_pause: seconds between two acts; half of the pauses are shorter.
    """

    abstract = True
    network_timeout = 30.0
    connection_timeout = 30.0
    numbers: ClassVar[Iterator[int]] = count(1)
    wishes: ClassVar[Mapping[str, int]]
    usual_pause: ClassVar[float]

    def on_start(self) -> None:
        """Get a name."""
        options = self.environment.parsed_options
        self.name = f"{options.crowd}-{next(self.numbers)}"
        self.dice = Random(f"{options.seed}-{self.name.rpartition('-')[2]}")
        self.is_new = True
        self.is_member = False

    def context(self) -> dict[str, str]:
        """What Locust tells of each request beside its outcome."""
        return {"player": self.name}

    def wait_time(self) -> float:
        """How long this player does nothing, in seconds."""
        if self.dice.randrange(TEA) == 0:
            return self.dice.uniform(*TEA_SECONDS)
        return self.dice.lognormvariate(log(self.usual_pause), PAUSES_SPREAD)

    @task  # type: ignore[untyped-decorator]  # as above
    def act(self) -> None:
        """Do one thing."""
        route = self.wish()
        self.client.get(f"{route}?player={self.name}", name=route)

    def wish(self) -> str:
        """The next route: a visit at first, and for a member of the guild in place of joining again."""
        (route,) = self.dice.choices(list(self.wishes), weights=list(self.wishes.values()))
        if self.is_new or (route == GUILD and self.is_member):
            route = VISIT
        self.is_new = False
        self.is_member = self.is_member or route == GUILD
        return route


class Wanderer(Player):
    """Looks around, and now and then buys a knife."""

    weight = 6
    usual_pause = 1.6
    wishes: ClassVar[Mapping[str, int]] = {VISIT: 80, KNIFE: 14, SWORD: 3, GUILD: 3}


class Collector(Player):
    """Buys whatever has a blade, and joins the guild before long."""

    weight = 3
    usual_pause = 1.0
    wishes: ClassVar[Mapping[str, int]] = {VISIT: 35, KNIFE: 40, SWORD: 17, GUILD: 8}


class Champion(Player):
    """In a hurry, and after swords."""

    weight = 1
    usual_pause = 0.6
    wishes: ClassVar[Mapping[str, int]] = {VISIT: 15, KNIFE: 25, SWORD: 50, GUILD: 10}


PLAYERS: Final = (Wanderer, Collector, Champion)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # as above
def add_options(parser: ArgumentParser) -> None:
    """What Locust is told beside its own options."""
    parser.add_argument("--crowd", default="player", help="how each player's name begins")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same players")
