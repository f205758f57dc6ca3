// Checks a log directory with other people's code: golang.org/x/mod/sumdb (note, tlog) and
// github.com/transparency-dev/formats (cosignatures, tlog-proof, policy).
//
// Law: nothing here knows how the log was written; it reads the directory and says what it checked.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	flog "github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// tiles reads C2SP paths, which leave the height out of tlog's own.
type tiles struct{ dir string }

func (t tiles) Height() int                          { return height }
func (t tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.dir, path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

type inclusion struct {
	Index int64
	Entry []byte
	Proof [][]byte
}

type consistency struct {
	Old   int64
	Root  []byte
	Proof [][]byte
}

type claims struct {
	Inclusion   []inclusion
	Consistency []consistency
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func hashes(raw [][]byte) []tlog.Hash {
	out := make([]tlog.Hash, len(raw))
	for i, each := range raw {
		if copy(out[i][:], each) != tlog.HashSize {
			must(fmt.Errorf("a hash of %d bytes", len(each)))
		}
	}
	return out
}

func read(dir, name string) []byte {
	data, err := os.ReadFile(filepath.Join(dir, name))
	must(err)
	return data
}

func openCheckpoint(data []byte, vkey string) flog.Checkpoint {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	must(err)
	var checkpoint flog.Checkpoint
	rest, err := checkpoint.Unmarshal([]byte(opened.Text))
	must(err)
	if len(rest) != 0 || checkpoint.Origin != verifier.Name() {
		must(fmt.Errorf("extension lines, or an origin that is not the key's name"))
	}
	return checkpoint
}

// everyEntry compares each published entry with its leaf hash in the proven tree.
func everyEntry(dir string, size int64, reader tlog.HashReader) {
	for start := int64(0); start < size; start += 256 {
		width := min(256, size-start)
		tile := tlog.Tile{H: height, L: -1, N: start / 256, W: int(width)}
		path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		data := read(dir, path)
		for index := start; index < start+width; index++ {
			length := int(binary.BigEndian.Uint16(data))
			entry := data[2 : 2+length]
			data = data[2+length:]
			stored, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			must(err)
			if stored[0] != tlog.RecordHash(entry) {
				must(fmt.Errorf("entry %d is not what its leaf hash says", index))
			}
		}
		if len(data) != 0 {
			must(fmt.Errorf("bytes behind the last entry of %s", path))
		}
	}
}

func main() {
	dir := os.Args[1]
	vkey := strings.TrimSpace(string(read(dir, "log.vkey")))
	signed := read(dir, "checkpoint")
	checkpoint := openCheckpoint(signed, vkey)
	size := int64(checkpoint.Size)
	root := hashes([][]byte{checkpoint.Hash})[0]
	fmt.Println("note: the checkpoint's signature is good, size", size)

	tree := tlog.Tree{N: size, Hash: root}
	reader := tlog.TileHashReader(tree, tiles{dir})
	computed, err := tlog.TreeHash(size, reader)
	must(err)
	if computed != root {
		must(fmt.Errorf("the root of the tiles is %v", computed))
	}
	everyEntry(dir, size, reader)
	fmt.Println("tlog: the tiles have the signed root, each entry its leaf hash")

	var claimed claims
	must(json.Unmarshal(read(dir, "claims.json"), &claimed))
	for _, each := range claimed.Inclusion {
		theirs, err := tlog.ProveRecord(size, each.Index, reader)
		must(err)
		ours := tlog.RecordProof(hashes(each.Proof))
		must(tlog.CheckRecord(ours, size, root, each.Index, tlog.RecordHash(each.Entry)))
		if fmt.Sprint(ours) != fmt.Sprint(theirs) {
			must(fmt.Errorf("another proof for record %d", each.Index))
		}
	}
	for _, each := range claimed.Consistency {
		theirs, err := tlog.ProveTree(size, each.Old, reader)
		must(err)
		ours := tlog.TreeProof(hashes(each.Proof))
		must(tlog.CheckTree(ours, size, root, each.Old, hashes([][]byte{each.Root})[0]))
		if fmt.Sprint(ours) != fmt.Sprint(theirs) {
			must(fmt.Errorf("another proof from size %d", each.Old))
		}
	}
	fmt.Println("tlog:", len(claimed.Inclusion), "inclusion and",
		len(claimed.Consistency), "consistency proofs are good")

	witnessKey := strings.TrimSpace(string(read(dir, "witness.vkey")))
	cosigner, err := fnote.NewVerifierForCosignatureV1(witnessKey)
	must(err)
	opened, err := note.Open(signed, note.VerifierList(cosigner))
	must(err)
	when, err := fnote.CoSigV1Timestamp(opened.Sigs[0])
	must(err)
	fmt.Println("formats: the cosignature is good, of", when.Unix())

	group, err := witness.ParsePolicy(read(dir, "policy"))
	must(err)
	if !group.Satisfied(signed) {
		must(fmt.Errorf("the policy is not satisfied"))
	}
	fmt.Println("formats: the policy is read and satisfied")

	text := read(dir, "record.tlog-proof")
	var parsed proof.TLogProof
	must(parsed.Unmarshal(text))
	if !bytes.Equal(parsed.Marshal(), text) {
		must(fmt.Errorf("the tlog-proof is written differently"))
	}
	entry, err := base64.StdEncoding.DecodeString(string(read(dir, "record.base64")))
	must(err)
	proven := openCheckpoint(parsed.Checkpoint, vkey)
	var path [][]byte
	for _, each := range parsed.Hashes {
		path = append(path, each[:])
	}
	must(tlog.CheckRecord(tlog.RecordProof(hashes(path)), int64(proven.Size),
		hashes([][]byte{proven.Hash})[0], int64(parsed.Index), tlog.RecordHash(entry)))
	fmt.Println("formats: the tlog-proof is good")
}
