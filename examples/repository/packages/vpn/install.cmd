@echo off
rem An example package: sets up nothing.
exit /b 0
