"""The reference model: pretrained ImageNet classes → foods → Nutri-Score → a score from 1 to 5."""
