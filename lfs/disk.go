package lfs

import "os"

// disk is the folder of one route.
type disk struct{ root *os.Root }

func openDisk(dir string) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &disk{root: root}, nil
}

func (d *disk) close() error { return d.root.Close() }
