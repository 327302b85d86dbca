package lfs

import (
	"crypto/rand"
	"errors"
	"os"
	"path"
)

// incoming is a temporary file that becomes a real one, or nothing.
type incoming struct {
	disk *disk
	name string
	file *os.File
}

// create opens a temporary file of a name that was never used before. The
// caller must call keep or discard.
func (d *disk) create() (*incoming, error) {
	in := &incoming{disk: d, name: path.Join(incomingDir, rand.Text())}
	d.mu.Lock()
	d.active[in.name] = true
	d.mu.Unlock()
	var err error
	if in.file, err = d.root.OpenFile(in.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode); err != nil {
		in.forget()
		return nil, err
	}
	return in, nil
}

// keep puts content and name on disk. When it fails the temporary file is
// gone. The content and the folders above are synced side by side, then the
// name, so a disk that takes milliseconds to sync is waited for twice, not
// once for each folder.
func (in *incoming) keep(name string) error {
	dir := path.Dir(name)
	folders := make(chan error, 1)
	go func() { folders <- in.disk.makeFolder(dir) }()
	err := errors.Join(in.file.Sync(), in.file.Close(), <-folders)
	if err == nil {
		err = in.disk.place(in.name, name)
	}
	if err != nil {
		return errors.Join(err, in.discard())
	}
	in.forget()
	return nil
}

// discard removes the temporary file.
func (in *incoming) discard() error {
	defer in.forget()
	in.file.Close()
	if err := in.disk.root.Remove(in.name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (in *incoming) forget() {
	in.disk.mu.Lock()
	defer in.disk.mu.Unlock()
	delete(in.disk.active, in.name)
}

func (d *disk) isActive(temp string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.active[temp]
}
