"""PyTorch's distributed checkpoints, a folder for each step: see torch_save.py."""
import os
import re
import sys

import torch
import torch.distributed.checkpoint as dcp

torch.set_num_threads(1)
folder, epochs = sys.argv[1], sys.argv[2]
torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Linear(64, 2000), torch.nn.ReLU(), torch.nn.Linear(2000, 10))
os.makedirs(folder, exist_ok=True)
start = max([0, *(int(name[5:]) for name in os.listdir(folder) if re.fullmatch(r"step-\d+", name))])
if start:
    state = {"model": model.state_dict()}
    dcp.load(state, checkpoint_id=os.path.join(folder, f"step-{start}"))
    model.load_state_dict(state["model"])
print("from", start, flush=True)
if epochs == "check":
    sys.exit()
images = torch.randn(256, 64)
for epoch in range(start, int(epochs)):
    for batch in images.split(64):
        torch.nn.functional.mse_loss(model(batch), torch.zeros(64, 10)).backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.01 * parameter.grad
                parameter.grad = None
    dcp.save({"model": model.state_dict()}, checkpoint_id=os.path.join(folder, f"step-{epoch + 1}"))
    print("epoch", epoch + 1, flush=True)
