package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/configs"
)

const (
	adminName   = "admin" // the user that the first start makes
	privateDir  = 0o700
	privateFile = 0o600
	othersWrite = 0o022
)

// makeDataDir makes the data folder, for its owner alone. One that is there
// already must not let others put files into it: they could swap the keys.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return fmt.Errorf("data_dir: %w: choose a folder that this user may make", err)
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("data_dir: %w", err)
	case !info.IsDir():
		return fmt.Errorf("data_dir: %s is not a folder", dir)
	case info.Mode().Perm()&othersWrite != 0:
		return fmt.Errorf("data_dir: %s has mode %04o, so others can replace what is in it: run chmod 700 %s", dir, info.Mode().Perm(), dir)
	}
	return nil
}

// firstPassword is the file that holds the first password of admin.
func firstPassword(c *configs.Config) string {
	return filepath.Join(c.DataDir, "initial-admin-password")
}

// keepFirstPassword writes the password so that the file is whole or not
// there. One that lies there already is moved aside: it is of a start that was
// cut off, or of another store that was used with this folder.
func keepFirstPassword(path string, password auth.Secret) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".initial-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keep the first password: %w", err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.WriteString(password.Reveal() + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil && fileExists(path) {
		err = os.Rename(path, path+".old")
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keep the first password: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// removeFirstPassword takes the file away once its password has been changed.
func removeFirstPassword(path string, log *slog.Logger) {
	switch err := os.Remove(path); {
	case err == nil:
		log.Info("removed the first password: it has been changed", "file", path)
	case !errors.Is(err, fs.ErrNotExist):
		log.Error("the first password has been changed, but its file cannot be removed; remove it", "file", path, "error", err)
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
