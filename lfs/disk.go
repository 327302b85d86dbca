package lfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
)

// The names in a route's folder that are not repositories; none can be one,
// for a repository's name does not begin with ".".
const (
	incomingDir   = ".incoming"
	quarantineDir = ".quarantine"
	holdFile      = ".lock"
)

const (
	folderMode = 0o700
	fileMode   = 0o600

	maxSettled = 1 << 16 // folders remembered to be on disk
)

// disk is the folder of one route. All names are below it; root lets nothing
// escape, by symbolic links neither.
type disk struct {
	root *os.Root
	held *os.File // flock; released by the kernel when the process dies

	mu      sync.Mutex
	active  map[string]bool     // temporary files under way, by name
	settled map[string]struct{} // folders whose own entry is on disk

	// placing is held for reading while a file is put in its place and for
	// writing while Fsck takes one away, so that it never takes a newer one.
	placing sync.RWMutex

	lockFiles [64]sync.Mutex // of the repositories' lock files, by hash of the name
}

func openDisk(dir string) (_ *disk, err error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, folderMode); err != nil {
			return nil, fmt.Errorf("others may enter the folder: %w", err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &disk{root: root, active: map[string]bool{}, settled: map[string]struct{}{}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if err := d.hold(); err != nil {
		return nil, err
	}
	if err := d.root.Mkdir(incomingDir, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := d.sweep(); err != nil {
		return nil, fmt.Errorf("take interrupted uploads away: %w", err)
	}
	if err := d.sync("."); err != nil {
		return nil, err
	}
	return d, syncFolder(filepath.Dir(dir))
}

// hold makes sure that no other process uses the folder.
func (d *disk) hold() error {
	f, err := d.root.OpenFile(holdFile, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	d.held = f
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("the folder %s is in use by another process: %w", d.root.Name(), err)
	}
	return nil
}

func (d *disk) close() error {
	err := d.root.Close()
	if d.held != nil {
		err = errors.Join(err, d.held.Close())
	}
	return err
}

// sweep removes what uploads left when the process ended under them.
func (d *disk) sweep() error {
	entries, err := d.list(incomingDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := d.root.RemoveAll(path.Join(incomingDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// list reads a folder.
func (d *disk) list(dir string) ([]fs.DirEntry, error) {
	f, err := d.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

// place moves a synced temporary file into a folder that makeFolder made, and
// returns when the name is on disk too. A file that was there before is
// replaced in one step.
func (d *disk) place(temp, name string) error {
	err := d.rename(temp, name)
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody took the folder away after it had been settled.
		d.unsettle()
		if err := d.makeFolder(path.Dir(name)); err != nil {
			return err
		}
		err = d.rename(temp, name)
	}
	if err != nil {
		return err
	}
	return d.sync(path.Dir(name))
}

func (d *disk) rename(from, to string) error {
	d.placing.RLock()
	defer d.placing.RUnlock()
	return d.root.Rename(from, to)
}

func (d *disk) unsettle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.settled)
}

// makeFolder makes dir where needed and returns when its entry, and those of
// the folders above up to the first that is known to be on disk, are there.
// To find a folder there is not enough: another upload may have made it a
// moment ago and not have synced it yet.
func (d *disk) makeFolder(dir string) error {
	if d.isSettled(dir) {
		return nil
	}
	if err := d.root.MkdirAll(dir, folderMode); err != nil {
		return err
	}
	var made []string
	for ; dir != "." && !d.isSettled(dir); dir = path.Dir(dir) {
		made = append(made, dir)
	}
	synced := make(chan error, len(made))
	for _, dir := range made {
		go func() { synced <- d.sync(path.Dir(dir)) }()
	}
	var errs []error
	for range made {
		errs = append(errs, <-synced)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.settled) > maxSettled {
		clear(d.settled)
	}
	for _, dir := range made {
		d.settled[dir] = struct{}{}
	}
	return nil
}

func (d *disk) isSettled(dir string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.settled[dir]
	return ok
}

// sync puts the entries of a folder on disk.
func (d *disk) sync(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// free is how many bytes may still be written, and whether that is known.
func (d *disk) free() (int64, bool) {
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(d.held.Fd()), &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}

// hasRoom reports that size more bytes leave spareRoom free, as far as the
// system tells.
func (d *disk) hasRoom(size int64) bool {
	room, known := d.free()
	return !known || size <= room-spareRoom
}

// full reports that err says there is no room.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
