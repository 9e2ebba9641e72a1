"""The Inspect task, the vLLM server and the model provider for runs."""
