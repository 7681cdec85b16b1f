"""A key-value cache that is written into room made ahead.

Transformers' own dynamic cache copies all keys and values at each token, which takes half the time of small models.
"""

import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

ROOM_TOKENS = 64  # by which the cache grows at a time


class RoomyLayer(DynamicLayer):  # type: ignore[misc]  # Transformers is not typed
    """Keys and values of one layer."""

    _room_for_keys: torch.Tensor | None = None
    _room_for_values: torch.Tensor | None = None

    def update(  # the base class passes more than is needed
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Appends (batch, heads, tokens, head size); returns all so far, as views."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        self._room_for_keys, self.keys = _append(self._room_for_keys, self.keys, key_states)
        self._room_for_values, self.values = _append(self._room_for_values, self.values, value_states)
        return self.keys, self.values


def _append(room: torch.Tensor | None, old: torch.Tensor, new: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Writes `new` behind `old`, in the room where `old` lies, or in a larger one. Returns the room and the whole."""
    batch, heads, before, size = old.shape
    after = before + new.shape[2]
    if room is None or room.shape[0] != batch or room.shape[2] < after:  # none yet, rows have left, or full
        room = new.new_empty(batch, heads, after + ROOM_TOKENS, size)
        room[:, :, :before] = old
    room[:, :, before:after] = new
    return room, room[:, :, :after]


def roomy_cache(model: PreTrainedModel) -> DynamicCache:
    """An empty cache. Layers with a sliding window or a state of their own stay as Transformers makes them."""
    cache = DynamicCache(config=model.config)
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
