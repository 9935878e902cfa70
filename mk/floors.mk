# The house as data: ROOM=FLOOR:WING. A room may include rooms on lower floors of its own wing or of the ground (wing g), nothing sideways, nothing
# upward. tools/check-floors.sh reads this table. `run` (r) sees both wings.
FLOORS := base=0:g codec=1:g sys=1:g crypto=1:g recipe=2:g http=2:g envelope=2:g chain=2:t \
  seal=3:t attest=3:t ledger=3:t identity=3:t tensor=3:c tokenizer=3:c manifest=4:t machine=4:t model=4:c kms=5:t train=5:c run=6:r cli=7:r lib=7:r
# Sideways on the ground, and only these: crypto encodes with codec and takes its randomness as sys declares it; of sys src/sys/tree.c alone hashes
# and judges names (tools/check-floors.sh).
NEIGHBOURS := crypto>codec crypto>sys
ALL_ROOMS := $(foreach f,$(FLOORS),$(firstword $(subst =, ,$f)))
# The worker is a program of its own: it contains no room that knows a key.
WORKER_ROOMS := base codec tensor tokenizer model train run/worker
WORKER_FILES := src/sys/pool.c src/sys/files.c src/sys/clock.c src/sys/confine.c src/recipe/training.c src/run/wire.c
