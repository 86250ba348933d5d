"""A training script as people write them, which knows nothing of spotctl: PyTorch, data-loader workers, torch.save() over the
last checkpoint in place.

    torch_save.py FOLDER EPOCHS      trains, going on from what the folder holds
    torch_save.py FOLDER check       loads what is there, and says of which epoch it is"""
import os
import sys

import torch
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)
folder, epochs = sys.argv[1], sys.argv[2]
path = os.path.join(folder, "last.pt")
torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Linear(64, 2000), torch.nn.ReLU(), torch.nn.Linear(2000, 10))
optimizer = torch.optim.Adam(model.parameters())
start = 0
if os.path.exists(path):
    saved = torch.load(path)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    start = saved["epoch"]
print("from", start, flush=True)
if epochs == "check":
    sys.exit()
os.makedirs(folder, exist_ok=True)
images = torch.randn(256, 64)
loader = DataLoader(TensorDataset(images, images.sum(1).long() % 10), batch_size=64, num_workers=2)
for epoch in range(start, int(epochs)):
    for batch, labels in loader:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(batch), labels).backward()
        optimizer.step()
    torch.save({"epoch": epoch + 1, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    print("epoch", epoch + 1, flush=True)
