"""The verbs `upload list info download delete`: files by their ids, in bucket `filestore`."""
