package bolt

// StallDisk makes every commit wait until resume is called, as a disk does
// that does not answer.
func StallDisk(s *Store) (resume func(), err error) {
	tx, err := s.db.Begin(true)
	if err != nil {
		return nil, err
	}
	return func() { _ = tx.Rollback() }, nil
}
