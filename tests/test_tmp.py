import runpy,sys
def test_b(private_database):
    sys.argv=["x","640"]; runpy.run_path("/tmp/bw.py", run_name="__main__")
