"""The models whose shapes are measured; rondo.bench.gpu.Preset has the same ones under the same names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A depth-recurrent model: blocks of one kind before, within and after the recurrence."""

    name: str
    kind: str  # llama, olmo2 or huginn
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    vocabulary: int
    prelude: int
    core: int
    coda: int
    eps: float
    theta: float
    tied: bool = False
    time: int = 1024
    tiny: bool = False

    @property
    def query_width(self):
        return self.heads * self.head_dim

    @property
    def kv_width(self):
        return self.kv_heads * self.head_dim

    @property
    def qkv_width(self):
        return self.query_width + 2 * self.kv_width


FULL = [
    Preset("tinyllama-4-8-4", "llama", 2048, 32, 4, 64, 5632, 32000, 4, 8, 4, 1e-5, 1e4),
    Preset("llama3.2-4-6-4", "llama", 2048, 32, 8, 64, 8192, 128256, 4, 6, 4, 1e-5, 5e5),
    Preset("olmo2-4-6-4", "olmo2", 2048, 16, 16, 128, 8192, 100352, 4, 6, 4, 1e-6, 5e5),
    Preset("huginn", "huginn", 5280, 55, 55, 96, 17920, 65536, 2, 4, 2, 1e-6, 5e4, tied=True),
]
TINY = [
    Preset("tiny-llama", "llama", 32, 4, 2, 8, 48, 64, 1, 2, 1, 1e-5, 1e4, time=16, tiny=True),
    Preset("tiny-olmo2", "olmo2", 32, 4, 4, 8, 48, 64, 1, 2, 1, 1e-6, 1e4, time=16, tiny=True),
    Preset("tiny-huginn", "huginn", 24, 3, 3, 8, 40, 64, 1, 2, 1, 1e-6, 1e4, tied=True, time=16, tiny=True),
]


def presets(tiny, names):
    """The chosen ones, in the order above."""
    every = TINY if tiny else FULL
    wanted = [n for n in names.split(",") if n]
    unknown = set(wanted) - {p.name for p in every}
    if unknown:
        raise SystemExit(f"presets {', '.join(sorted(unknown))}: expected some of {', '.join(p.name for p in every)}")
    return [p for p in every if not wanted or p.name in wanted]
