"""Messages of the public functions, whose advice is a call's, in the words of the App's forms.

The functions know nothing of forms: "Pass overwrite=True" is what helps whoever calls them. Here,
in one place, that becomes what somebody in the App can do; what no form offers is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_OPERATORS = {
    "segment": "Segment with memory bank",
    "relabel": "Relabel with memory bank",
    "boxes_to_masks": "Boxes to masks",
    "calibrate": "Calibrate memory bank",
    "build_memory_bank": "Build memory bank",
    "delete_run_predictions": "Delete a run's predictions",
    "undo": "Undo last change",
    "sample_references": "Sample references",
    "tag_references": "Tag selection as references",
    "import_labels": "Import labels",
    "import_coco": "Import labels",
    "teach": "Teach memory bank",
    "export_prelabels": "Export pre-labels",
    "import_prelabels": "Import corrections",
}
"""Public functions, and the operators that call them."""

_IN_THE_CARD = "in the Memory Bank panel"

_WHOLE: Sequence[tuple[str, str]] = (
    # What a form says otherwise, or only in other words; the first that fits is taken.
    (
        r"Pass overwrite=True to replace those of other runs",
        "Choose to replace those of other runs",
    ),
    (r"Build and save it again with overwrite=True", "Build it again in its place"),
    (r"Pass overwrite=True to take the tag from them", "Choose to take the tag from them"),
    (r"stop it with `cancel_run\([^`]*\)`", f"cancel it {_IN_THE_CARD}"),
    (r"`cancel_run` frees it at once", f"cancelling it {_IN_THE_CARD} frees it at once"),
    (r"[Mm]ake the same call again", "run it again"),
    (r"by another call at this moment", "at this moment"),
    (r"Look at `history`, and call again", "Look at what there is to undo, and try again"),
    (r"Pass iou='boxes'", "Compare boxes only"),
    (r"[Pp]ass crowds='objects'", "let crowds be objects like the others"),
    (r"Leave out `precision`", "Choose another precision"),
    (
        r"smaller models, precision='bfloat16' or device='cpu'",
        "smaller models, bfloat16 or the CPU",
    ),
    (r"pass(ing)? the folder of (the|its) images as images=( \(--images\))?", "name their folder"),
    (r"pass the folder that it is in as images= \(--images\)", "name the folder that it is in"),
    (r"and the folder of its images as images= \(--images\)", "and the folder of its images"),
    (r"Pass the COCO file they are results for as images= \(--images\)", "Name that COCO file too"),
    (r"Leave (class_name|class_attribute)= \(--[a-z-]+\) out", "Leave the name of the class out"),
    (r"Pass the one that is as class_attribute= \(--class-attribute\)", "Name it"),
    (r", which class_attribute= \(--class-attribute\) is to name", ""),
    (r"\bcrowds=(\S+)", r"crowds \1"),
    (r"'classes='", "the classes"),
    (r"Pass crops=0, or another mode", "Look at the whole picture, or choose another mode"),
    (r"or leave out gt_field to learn from the references", "or learn from the references"),
    (r"labelled samples and their gt_field", "labelled samples and the field of their labels"),
    (r"or leave them out with `label_ids` or a filtered view", "or leave them out of the view"),
    (r"or leave `label_tags` out", "or take another source"),
    (r"`classes` is empty", "no class is chosen"),
    (r"Lower `min_size` or `border`", "Allow smaller ones, or some nearer to the border"),
    (r"too_few=(\S+) is", r"\1 is"),
    (r"or pass strategy='random'", "or draw at random"),
    (r"Pass another `?mask_field`?", "Choose another output field"),
    (r"Pass another `(?:field|brain_key)` than (\S+?)(\.| for it\.)", r"Choose another than \1."),
    (r"or another `field` than (\S+?)\.", r"or another field than \1."),
    (r"Pass `name`", "Give it one"),
    (r"or remove `mask_path` from the label to use its box alone", "or remove the label's mask"),
    (r" \(their `label` is no text\)", ""),
    (r"Give each a `confidence`", "Give each a confidence"),
    (r"Close it \(`closed=True`\)", "Close it"),
    (r"`bank\.negatives\.ids` lists those it has", "Choose among those it has"),
    (r"Pass `models` with encoder (\S+?)\.", r"Build it again with models of its encoder \1."),
    (r"fetch it once with `load_models\([^`]*\)`, or pass `models`", "fetch it once in Python"),
    (
        r"(The encoder's) image_size (\S+) is not a multiple of its patch_size (\S+): "
        r"set image_size in its config\.json to a multiple",
        r"\1 image size \2 is not a multiple of its patch size \3: correct that in its folder",
    ),
    (
        r"save the model with transformers' save_pretrained, which writes safetensors",
        "save the model as safetensors",
    ),
    (r"Fetch the folder again, or save it again with save_pretrained", "Fetch the folder again"),
    (
        r"Give the folder that save_pretrained wrote, or the path of one of Meta's",
        "Give the folder of one, or the path of one of Meta's",
    ),
    (r"it must be one of", "it fits only"),
    (r"; or None for all", ", or all"),
    (r"For video, pass `[^`]*`", "Of a video's frames, make a dataset first"),
    (r"\(`view\.flatten\(\)`\)", "(flattened)"),
    (r"one kind of slice, as in `dataset\.select_group_slices[^`]*`", "one kind of slice"),
    (r"images= is", "the images are said to be"),
    (r"Leave images= out", "Name the one folder"),
    (r"pass their folder as images", "name their folder"),
    (r"^(\w+)= \(--[\w-]+\) means", r"“\1” means"),
    (r", None$", ""),
    (r"\bMemoryBank\.save\b", "an export"),
    (r"\b[Pp]ass the (\S+) that `\S+` wrote", r"choose the \1 that was exported"),
)
"""Regular expressions of advice, and what is said instead."""

_NAMES = {
    "points_per_side": "points per side",
    "confidence_thresh": "confidence threshold",
    "chunk_size": "images per write",
    "per_class": "negatives per class",
    "per_object": "per object",
    "one_per_object": "one instance per object",
    "least_island": "least island",
    "label_field": "field",
    "mask_field": "output field",
    "box_field": "boxes",
    "pred_field": "predictions",
    "gt_field": "ground truth",
    "brain_key": "brain key",
    "eval_key": "evaluation key",
    "label_tags": "tag",
    "too_few": "too few",
    "min_size": "smallest size",
    "class_name": "the name of the class",
    "class_attribute": "the attribute of the class",
    "bit_depth": "bit depth",
    "model_type": "model type",
    "patch_size": "patch size",
    "image_size": "image size",
}
"""Parameters, as forms call them."""

_PARAMETERS = re.compile(rf"(?<!')\b(?:{'|'.join(_NAMES)})\b(?!')")
"""Outside of quotes: somebody's field may be called so."""

PYTHON = re.compile(
    r"`|\b[a-z_]+=|\b[Pp]ass(?:ed|ing)? (?!through)|(?<![\w-])--[a-z]|\b[a-z_.]+\([^)\s]*\)"
    rf"|{_PARAMETERS.pattern}|\b(?:None|True|False) (?:holds|of|for|is)\b"
    r"|\bMemoryBank\b|\bfo\.\w"
)
"""What nobody in the App can do anything with."""

_CHOSEN = r"another|a |an |the |those|labelled|images|one |[0-9']"
"""What a form may offer, after "Pass"."""
_SENTENCE = re.compile(r"(?<=[.;:])\s+(?=[A-Z`])")
_ADVICE = re.compile(r"^(?:Pass|Call|Import|Load|Give|Run|Use|Rename|Leave)\b")


def in_app_words(message: str) -> str:
    """A message of a public function as the App shows it.

    What it names (fields, files, classes) stays as it is.

    Example:
        >>> in_app_words("the bank has no name. Pass `name`.")
        'the bank has no name. Give it one.'
    """
    lines = [_line(line) for line in message.split("\n")]
    return "\n".join(line for line in lines if line.strip())


def _line(line: str) -> str:
    if not PYTHON.search(line):
        return line
    for pattern, words in _WHOLE:
        line = re.sub(pattern, words, line)
    for function, label in _OPERATORS.items():
        line = re.sub(rf"`{function}(?:\([^`]*\))?`", f"“{label}”", line)
    line = re.sub(r"\s*\(`[^`]*`\)", "", line)  # a call that does what was just said
    line = _PARAMETERS.sub(lambda found: _NAMES[found[0]], line)
    line = re.sub(r"\bPass one\b", "Choose one", line)
    line = re.sub(
        r"\bPass (?=another|a |an |the |those|labelled|images|one |[0-9'])", "Choose ", line
    )
    line = re.sub(r"\bpass (?=another|a |an |the |those|labelled|images|one )", "choose ", line)
    sentences = [_sentence(sentence) for sentence in _SENTENCE.split(line)]
    return " ".join(sentence for sentence in sentences if sentence)


def _sentence(sentence: str) -> str:
    """One sentence; nothing where all it gives is advice for a program."""
    if not PYTHON.search(sentence):
        return sentence
    if _ADVICE.match(sentence):
        return ""
    sentence = re.sub(r"`([^`]*)`", r"“\1”", sentence)
    return re.sub(r"\bPass (\S)", r"Choose \1", sentence)
