package lfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
)

// Problem is something that Fsck found.
type Problem struct {
	Route  string `json:"route"`
	Path   string `json:"path"`            // below the route's folder
	Reason string `json:"reason"`          // one sentence
	Moved  string `json:"moved,omitempty"` // where repair put it, below the route's folder
}

// Tally is what Fsck went through.
type Tally struct {
	Objects  int   `json:"objects"`
	Bytes    int64 `json:"bytes"`
	Problems int   `json:"problems"`
}

// Fsck reads every object of every route and compares it with its name.
// report is called for each problem, from the caller's goroutine. With repair,
// bad objects and strays are moved into .quarantine, so that clients can
// upload the objects again; nothing is deleted. It may run while the store is
// in use. The error is of ctx, or of a folder that cannot be read at all.
func (s *Store) Fsck(ctx context.Context, repair bool, report func(Problem)) (Tally, error) {
	c := checker{ctx: ctx, buf: s.buffers.get(), report: report}
	defer s.buffers.put(c.buf)
	if repair {
		c.quarantine = quarantineDir + "/" + s.now().UTC().Format("20060102T150405Z")
	}
	for _, d := range s.routes.Load().doors {
		c.route, c.disk = d.route.Name, d.disk
		if err := c.top(); err != nil {
			return c.tally, err
		}
	}
	return c.tally, nil
}

// checker is one run of Fsck.
type checker struct {
	ctx        context.Context
	buf        *[bufferSize]byte
	report     func(Problem)
	quarantine string // empty: nothing is moved

	route string
	disk  *disk
	tally Tally
}

// top goes through the folder of a route.
func (c *checker) top() error {
	return c.each(".", func(name string, e fs.DirEntry) error {
		switch {
		case name == holdFile || name == quarantineDir:
			return nil
		case name == incomingDir:
			return c.each(name, func(name string, _ fs.DirEntry) error {
				if c.disk.isActive(name) {
					return nil
				}
				return c.found(name, nil, "what an interrupted upload left")
			})
		case !e.IsDir() || !validSegment(e.Name()):
			return c.found(name, nil, "does not belong here")
		}
		return c.repositories(name, 1)
	})
}

// repositories goes through a folder that is a repository, or a part of the
// names of some.
func (c *checker) repositories(dir string, depth int) error {
	return c.each(dir, func(name string, e fs.DirEntry) error {
		switch {
		case e.IsDir() && e.Name() == "objects":
			return c.objects(name)
		case e.IsDir() && e.Name() == "locks":
			return c.locks(dir, name)
		case e.IsDir() && depth < maxSegments && validSegment(e.Name()):
			return c.repositories(name, depth+1)
		}
		return c.found(name, nil, "does not belong here")
	})
}

func (c *checker) locks(repo, dir string) error {
	return c.each(dir, func(name string, _ fs.DirEntry) error {
		if name != lockFileName(repo) {
			return c.found(name, nil, "does not belong here")
		}
		if _, err := c.disk.locks(repo); err != nil {
			return c.found(name, nil, "the locks cannot be read")
		}
		return nil
	})
}

func (c *checker) objects(dir string) error {
	return c.each(dir, func(aa string, e fs.DirEntry) error {
		if !e.IsDir() {
			return c.found(aa, nil, "does not belong here")
		}
		return c.each(aa, func(bb string, e fs.DirEntry) error {
			if !e.IsDir() {
				return c.found(bb, nil, "does not belong here")
			}
			return c.each(bb, func(name string, e fs.DirEntry) error {
				if !e.Type().IsRegular() || !validOID(e.Name()) || name != dir+"/"+objectPath(e.Name()) {
					return c.found(name, nil, "does not belong here")
				}
				return c.object(name, e.Name())
			})
		})
	})
}

// object hashes one object.
func (c *checker) object(name, oid string) error {
	f, err := c.disk.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return c.found(name, nil, "cannot be opened")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return c.found(name, nil, "cannot be read")
	}
	c.tally.Objects++
	hash := sha256.New()
	for {
		n, err := f.Read(c.buf[:])
		hash.Write(c.buf[:n])
		c.tally.Bytes += int64(n)
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return c.found(name, info, "cannot be read to its end")
		}
	}
	if hex.EncodeToString(hash.Sum(nil)) != oid {
		return c.found(name, info, "the content is not what the name says")
	}
	return nil
}

// each calls do for all that is in a folder. A folder that went away meanwhile
// is empty.
func (c *checker) each(dir string, do func(name string, e fs.DirEntry) error) error {
	entries, err := c.disk.list(dir)
	if errors.Is(err, fs.ErrNotExist) && dir != "." {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := do(path.Join(dir, e.Name()), e); err != nil {
			return err
		}
	}
	return nil
}

// found reports a problem and, under repair, moves the thing away: not if it
// went by itself, or is another than was judged.
func (c *checker) found(name string, judged os.FileInfo, reason string) error {
	p := Problem{Route: c.route, Path: name, Reason: reason}
	c.disk.placing.Lock()
	now, err := c.disk.root.Lstat(name)
	if err != nil || judged != nil && !os.SameFile(judged, now) {
		c.disk.placing.Unlock()
		return nil
	}
	var moved error
	if c.quarantine != "" {
		p.Moved, moved = c.move(name)
	}
	c.disk.placing.Unlock()
	c.tally.Problems++
	c.report(p)
	return moved
}

// move is called with placing held.
func (c *checker) move(name string) (string, error) {
	to := c.quarantine + "/" + name
	if err := c.disk.makeFolder(path.Dir(to)); err != nil {
		return "", err
	}
	if err := c.disk.root.Rename(name, to); err != nil {
		return "", err
	}
	return to, errors.Join(c.disk.sync(path.Dir(to)), c.disk.sync(path.Dir(name)))
}
