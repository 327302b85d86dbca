package lfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const (
	// emptyOID is the SHA-256 of nothing. That object always exists.
	emptyOID = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

	oidLength = 64 // hexadecimal digits of a SHA-256

	// maxObject is the largest object, in bytes.
	maxObject = 1 << 40
)

// validOID reports whether s is a SHA-256 in lower-case hex. It is asked
// before any OID becomes part of a name on disk.
func validOID(s string) bool {
	if len(s) != oidLength {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// objectsDir is the folder of a repository's objects.
func objectsDir(repo string) string { return repo + "/objects" }

// objectPath is where an object lies below objectsDir.
func objectPath(oid string) string { return oid[:2] + "/" + oid[2:4] + "/" + oid }

// shelf is the objects of one repository, for several looks.
type shelf struct{ root *os.Root } // nil: the repository has none

func (d *disk) shelf(repo string) (shelf, error) {
	root, err := d.root.OpenRoot(objectsDir(repo))
	if errors.Is(err, fs.ErrNotExist) {
		return shelf{}, nil
	}
	return shelf{root}, err
}

func (sh shelf) close() {
	if sh.root != nil {
		sh.root.Close()
	}
}

// size is the size of an object, and whether the repository has it.
func (sh shelf) size(oid string) (int64, bool, error) {
	if oid == emptyOID {
		return 0, true, nil
	}
	if sh.root == nil {
		return 0, false, nil
	}
	info, err := sh.root.Lstat(objectPath(oid))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	case !info.Mode().IsRegular():
		return 0, false, fmt.Errorf("object %s is not a file", oid)
	}
	return info.Size(), true, nil
}
