"""Hugging Face's Trainer, resuming from its last checkpoint: see torch_save.py."""
import os
import sys

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

torch.set_num_threads(1)
folder, epochs = sys.argv[1], sys.argv[2]


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(64, 1000), torch.nn.ReLU(), torch.nn.Linear(1000, 10))

    def forward(self, images, labels):
        logits = self.layers(images)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


class Told(TrainerCallback):
    def on_save(self, arguments, state, control, **_):
        print("epoch", round(state.epoch), flush=True)


last = get_last_checkpoint(folder) if os.path.isdir(folder) else None
images = torch.randn(256, 64, generator=torch.Generator().manual_seed(1))
data = [{"images": image, "labels": int(abs(image.sum())) % 10} for image in images]
arguments = TrainingArguments(folder, num_train_epochs=1e6 if epochs == "check" else int(epochs), save_strategy="epoch",
                              save_total_limit=2, per_device_train_batch_size=64, report_to=[], disable_tqdm=True, use_cpu=True,
                              dataloader_num_workers=2, seed=1)
trainer = Trainer(Network(), arguments, train_dataset=data, callbacks=[Told()])
if epochs == "check":
    if last:
        trainer._load_from_checkpoint(last)
        trainer.state = trainer.state.load_from_json(os.path.join(last, "trainer_state.json"))
    print("from", round(trainer.state.epoch or 0), flush=True)
    sys.exit()
print("from", 0 if last is None else int(last.rsplit("-", 1)[1]) // 4, flush=True)
trainer.train(resume_from_checkpoint=last)
