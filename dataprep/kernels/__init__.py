"""Hot loops over Arrow buffers: arrays in, arrays out; no Spark.

Every kernel takes a batch as two arrays: the UTF-8 bytes of all documents and the n+1 offsets between them
(`arrow_buffers.buffers`). `fused.annotate_batch` is what the pipeline calls; the other modules are its parts.
"""
