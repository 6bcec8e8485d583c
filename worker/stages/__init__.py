"""The pipeline's three stages and infer's helpers. They import neither one another nor adapters."""
