"""A pytest plugin: pytest's own import hook, which rewrites what is installed as a plugin, would come before ours."""

import sys

sys.meta_path.sort(key=lambda finder: type(finder).__module__ != "sitecustomize")
