"""The picker: pictures of a panel drawn beforehand, chosen in the browser.

A panel asks the kernel at every change. A picker holds a set of its pictures and sentences, so it also
works where there is no kernel: on the pages of the site. It shows what the panel would show.
"""

import io
import itertools
from collections.abc import Iterable, Mapping, Sequence

import traitlets
from PIL import Image

from .overlay import Handle, Spoken
from .panels import Panel, static

# bytes that the pictures of a picker may have together, so that a page stays below a megabyte
LARGEST = 700_000


class Picker(Spoken):
    """Pictures and their sentences, one for every combination of the choices.

    names: what can be chosen, in order. pictures: (one label per name) -> picture as bytes (PNG, JPEG).
    says: the same keys -> the sentence. sliding: the names whose labels lie on a slider; the others
    are lists. chosen: the trait {name: label} that Python and the page can set; text: the sentence
    that is shown. controls: one handle per name.
    """

    _esm = static("dom.js") + static("picker.js")
    _css = static("panels.css")
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    labels = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    sliding = traitlets.List(traitlets.Bool()).tag(sync=True)
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    says = traitlets.List(traitlets.Unicode()).tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        names: Sequence[str],
        pictures: Mapping[tuple[str, ...], bytes],
        says: Mapping[tuple[str, ...], str],
        sliding: Iterable[str] = (),
    ):
        labels = [list(dict.fromkeys(key[i] for key in pictures)) for i in range(len(names))]
        keys = list(itertools.product(*labels))
        missing = [key for key in keys if key not in pictures or key not in says]
        if missing or not pictures:
            raise ValueError(
                f"A picker needs a picture and a sentence for every combination; "
                f"{missing[0] if missing else 'all'} is missing."
            )
        packed = [_webp(pictures[key]) for key in keys]
        size = sum(map(len, packed))
        if size > LARGEST:
            raise ValueError(
                f"The {len(keys)} pictures have {size / 1000:.0f} KB together, more than the "
                f"{LARGEST / 1000:.0f} KB that a page should carry; give fewer values."
            )
        super().__init__(
            names=list(names),
            labels=labels,
            sliding=[name in set(sliding) for name in names],
            pictures=packed,
            says=[says[key] for key in keys],
            chosen=dict(zip(names, keys[0], strict=True)),
        )
        self.controls = {
            name: Choice(self, name, options=tuple(options))
            for name, options in zip(names, labels, strict=True)
        }

    @traitlets.validate("chosen")
    def _known(self, proposal) -> dict[str, str]:
        chosen = proposal["value"]
        if set(chosen) != set(self.names):
            raise traitlets.TraitError(f"chosen must name {', '.join(self.names)}, not {chosen}.")
        for name, labels in zip(self.names, self.labels, strict=True):
            if chosen[name] not in labels:
                raise traitlets.TraitError(
                    f"{name} must be one of {', '.join(labels)}, not {chosen[name]!r}."
                )
        return chosen

    @property
    def _place(self) -> int:
        place = 0
        for name, labels in zip(self.names, self.labels, strict=True):
            place = place * len(labels) + labels.index(self.chosen[name])
        return place

    @property
    def picture(self) -> bytes:
        """The picture that is shown, WebP."""
        return self.pictures[self._place]

    def still(self) -> bytes:
        """The picture that is shown, PNG."""
        written = io.BytesIO()
        Image.open(io.BytesIO(self.picture)).save(written, "PNG")
        return written.getvalue()

    @property
    def text(self) -> str:
        """The sentence of the picture that is shown."""
        return self.says[self._place]


class Choice(Handle):
    """One choice of a picker with the attributes of an ipywidgets control: value and options."""

    _owner: Picker

    @property
    def value(self) -> str:
        return self._owner.chosen[self._name]

    @value.setter
    def value(self, new: str) -> None:
        self._owner.chosen = self._owner.chosen | {self._name: new}


def of_panel(panel: Panel, **choices: Iterable | None) -> Picker:
    """What ``panel`` shows for all combinations of values of some of its controls, to choose from.

    choices: control -> the values to offer, None for all options of a list. The other controls stay
    as they are. A slider of the panel becomes a slider of the picker.
    """
    offered, sliding = [], []
    for name, values in choices.items():
        if name not in panel.controls:
            raise ValueError(
                f"The panel has no control {name!r}; it has {', '.join(panel.controls)}."
            )
        control = panel.controls[name]
        options = dict(getattr(control, "_options_full", ()))
        if not options:
            sliding.append(control.description or name)
        if values is None and not options:
            raise ValueError(f"{name} is a slider: say which of its values to offer.")
        label = {value: text for text, value in options.items()}
        wanted = options.values() if values is None else values
        offered.append([(label.get(v, f"{v:g}" if not options else str(v)), v) for v in wanted])
    names = [panel.controls[name].description or name for name in choices]
    pictures, says = {}, {}
    for combination in itertools.product(*offered):
        key = tuple(text for text, _ in combination)
        values = dict(zip(choices, (value for _, value in combination), strict=True))
        pictures[key], says[key] = panel.shown(**values)
    return Picker(names, pictures, says, sliding)


def _webp(picture: bytes) -> bytes:
    """The picture as WebP: charts in 64 colours without further loss, photographs at quality 70."""
    image, found = Image.open(io.BytesIO(picture)).convert("RGB"), []
    few = image.quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    for drawn, settings in ((few.convert("RGB"), {"lossless": True}), (image, {"quality": 70})):
        buffer = io.BytesIO()
        drawn.save(buffer, "WEBP", method=6, **settings)
        found.append(buffer.getvalue())
    return min(found, key=len)
