"""The form in which a tester says which of their sources counts for which metric."""

from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Any

from django import forms

from accounts.models import User
from connections import policy
from connections.precedence import LABELS, METRICS, Order, choose, orders_of, that_tell
from connections.providers.base import Metric
from connections.sources import label_of

# Of more sources every order would be too long a list: then each of them can come first.
MOST_IN_EVERY_ORDER = 3
AS_USUAL = "usual"
USUAL: dict[Metric, str] = {"rides": "The best recording", "readiness": "A source’s own score"}
HELP: dict[Metric, str] = {
    "rides": "A ride recorded twice counts once. The best has power, else heart rate.",
    "hrv": "Never mixed: a baseline is of one source and one kind of HRV.",
    "readiness": "A source without a score of its own has the Lanterne score of its nights.",
}


class PrecedenceForm(forms.Form):
    """A field for each metric that two or more of the tester's own sources tell."""

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data, auto_id="precedence-%s")
        self.user = user
        self.metrics: list[Metric] = []
        held, orders = policy.held_by(user) - set(policy.kept_from_coach(user)), orders_of(user)
        for metric in METRICS:
            order = orders[metric]
            names = [name for name in order.names if name in held]
            if len(names) > 1:
                self._add(metric, Order(tuple(names), order.is_chosen))

    def _add(self, metric: Metric, order: Order) -> None:
        self.metrics.append(metric)
        first_to_last = [name for name in that_tell(metric) if name in order.names]
        usual = USUAL.get(metric, f"As usual, {label_of(first_to_last[0])} first")
        choices = [
            (",".join(one), in_words(one))
            for one in _orders(first_to_last, order.names)
            if metric in USUAL or list(one) != first_to_last
        ]
        chosen = ",".join(order.names)
        is_offered = order.is_chosen and chosen in dict(choices)
        self.fields[metric] = forms.ChoiceField(
            label=LABELS[metric],
            choices=[(AS_USUAL, usual), *choices],
            initial=chosen if is_offered else AS_USUAL,
            help_text=HELP.get(metric, ""),
        )

    def save(self) -> None:
        """What was chosen, for all of them at once."""
        told = {one: self.cleaned_data[one] for one in self.metrics}
        choose(
            self.user,
            {one: [] if order == AS_USUAL else order.split(",") for one, order in told.items()},
        )


def _orders(usual: Sequence[str], names: Sequence[str]) -> Iterable[Sequence[str]]:
    """All of a few sources; of more the one that holds, and each of them first."""
    if len(usual) <= MOST_IN_EVERY_ORDER:
        return permutations(usual)
    firsts = ((one, *(other for other in names if other != one)) for one in usual)
    return dict.fromkeys((tuple(names), *firsts))


def in_words(order: Sequence[str]) -> str:
    """“Oura, then Apple Health”."""
    return ", then ".join(label_of(name) for name in order)
