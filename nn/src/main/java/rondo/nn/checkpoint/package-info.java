/**
 * Files and models: safetensors, Hugging Face folders, {@code config.json}, and the published
 * models as values. Everything read here is treated as hostile: a fault is one {@link
 * CheckpointException} that names the file.
 */
package rondo.nn.checkpoint;
