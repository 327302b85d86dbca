package lfs

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"sync"
)

// maxLockFile bounds the file of a repository's locks, in bytes. It is above
// what maxLocks of them can need.
const maxLockFile = 64 << 20

// lockFile is all locks of a repository, as they lie in locks/locks.json.
type lockFile struct {
	Last  uint64     `json:"last"`  // the highest Number ever given
	Locks []heldLock `json:"locks"` // ascending by Number
}

// heldLock has a number beside what clients see: pages of a list go on after
// it, whatever was unlocked between them.
type heldLock struct {
	lock
	Number uint64 `json:"number"`
}

func lockFileName(repo string) string { return repo + "/locks/locks.json" }

// locks reads the locks of a repository; none where there is no file.
func (d *disk) locks(repo string) (lockFile, error) {
	f, err := d.root.Open(lockFileName(repo))
	if errors.Is(err, fs.ErrNotExist) {
		return lockFile{}, nil
	}
	if err != nil {
		return lockFile{}, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxLockFile))
	if err != nil {
		return lockFile{}, err
	}
	var file lockFile
	if err := json.Unmarshal(content, &file); err != nil {
		return lockFile{}, fmt.Errorf("read the locks of %s: %w", repo, err)
	}
	return file, nil
}

// changeLocks lets change look at the locks of a repository and change them,
// one caller at a time. The file is replaced in one step, and on disk when
// changeLocks returns. An error of change leaves it as it was and comes back.
func (d *disk) changeLocks(repo string, change func(*lockFile) error) error {
	mu := d.lockFileMutex(repo)
	mu.Lock()
	defer mu.Unlock()
	file, err := d.locks(repo)
	if err != nil {
		return err
	}
	if err := change(&file); err != nil {
		return err
	}
	content, err := json.Marshal(file)
	if err != nil {
		return err
	}
	in, err := d.create()
	if err != nil {
		return err
	}
	if _, err := in.file.Write(content); err != nil {
		return errors.Join(err, in.discard())
	}
	return in.keep(lockFileName(repo))
}

func (d *disk) lockFileMutex(repo string) *sync.Mutex {
	h := fnv.New32a()
	h.Write([]byte(repo))
	return &d.lockFiles[h.Sum32()%uint32(len(d.lockFiles))]
}
