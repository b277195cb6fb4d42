"""Every setting: its variable, default, unit, meaning and range, by subject in groups/.

Not here: how they are read, checked and explained (settings.py), first-start secrets (secrets_file.py).
Threads: frozen, any. Variables keep the units of the document (ms); the program asks for seconds (`…_s`).
"""

from pydantic import ConfigDict

from config.groups.backplane import BackplaneSettings
from config.groups.budget import BudgetSettings
from config.groups.chat import ChatSettings
from config.groups.delivery import DeliverySettings
from config.groups.edge import EdgeSettings
from config.groups.hearing import HearingSettings
from config.groups.model import ModelSettings
from config.groups.observing import ObservingSettings
from config.groups.retention import RetentionSettings
from config.groups.server import ServerSettings
from config.groups.store import StoreSettings
from config.groups.work import WorkSettings


# Fields come in the order of the bases from the last to the first.
class Settings(
    WorkSettings,
    ChatSettings,
    DeliverySettings,
    HearingSettings,
    BudgetSettings,
    ModelSettings,
    RetentionSettings,
    BackplaneSettings,
    StoreSettings,
    ObservingSettings,
    EdgeSettings,
    ServerSettings,
):
    """All settings of one process. Made by `config.settings.load_settings`, which explains what is wrong."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
