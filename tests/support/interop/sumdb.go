// Checks checkpoints and proofs of the log with the code of Go's checksum database, which is not ours.
//
// Reads cases as JSON from standard input, and writes for each what is wrong with it, "" for nothing.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// One claim: an entry is at an index of the checkpoint, or an older checkpoint is a part of it.
type claim struct {
	Key, Note, Old string
	Entry          *[]byte
	Index          int64
	Path           [][]byte
}

func main() {
	var claims []claim
	if err := json.NewDecoder(os.Stdin).Decode(&claims); err != nil {
		panic(err)
	}
	said := make([]string, 0, len(claims))
	for _, one := range claims {
		if err := one.check(); err != nil {
			said = append(said, err.Error())
		} else {
			said = append(said, "")
		}
	}
	json.NewEncoder(os.Stdout).Encode(said)
}

func (one claim) check() error {
	size, root, err := checkpoint(one.Note, one.Key)
	if err != nil {
		return err
	}
	path := make([]tlog.Hash, len(one.Path))
	for at, step := range one.Path {
		copy(path[at][:], step)
	}
	if one.Old != "" {
		old, before, err := checkpoint(one.Old, one.Key)
		if err != nil {
			return err
		}
		return tlog.CheckTree(path, size, root, old, before)
	}
	if one.Entry == nil {
		return nil
	}
	return tlog.CheckRecord(path, size, root, one.Index, tlog.RecordHash(*one.Entry))
}

// The text of a checkpoint is three lines: origin, size, root (C2SP tlog-checkpoint).
func checkpoint(signed, key string) (int64, tlog.Hash, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return 0, tlog.Hash{}, err
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return 0, tlog.Hash{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return 0, tlog.Hash{}, fmt.Errorf("no checkpoint of %s", verifier.Name())
	}
	var size int64
	if _, err := fmt.Sscan(lines[1], &size); err != nil {
		return 0, tlog.Hash{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return size, root, err
}
